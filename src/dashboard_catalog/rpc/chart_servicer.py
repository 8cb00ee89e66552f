"""The servicer of charts."""

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.contract.kinds import ASSET_MESSAGES
from dashboard_catalog.rpc.answer_room import AnswerRoom
from dashboard_catalog.rpc.asset_rpcs import AssetRpcs
from dashboard_catalog.rpc.edge.context import Context, caller_of
from dashboardcatalog.v1 import chart_service_pb2 as messages
from dashboardcatalog.v1 import chart_service_pb2_grpc


class ChartServicer(chart_service_pb2_grpc.ChartServiceServicer):
    """Serves `dashboardcatalog.v1.ChartService`; the contract documents each RPC."""

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._rpcs = AssetRpcs(catalog, ASSET_MESSAGES["chart"])
        self._room = room

    async def CreateChart(self, request: messages.CreateChartRequest, context: Context) -> messages.CreateChartResponse:
        room = self._room.of(context)
        return await self._rpcs.create(request, caller_of(context), messages.CreateChartResponse, room)

    async def UpsertChart(self, request: messages.UpsertChartRequest, context: Context) -> messages.UpsertChartResponse:
        room = self._room.of(context)
        return await self._rpcs.upsert(request, caller_of(context), messages.UpsertChartResponse, room)

    async def GetChart(self, request: messages.GetChartRequest, context: Context) -> messages.GetChartResponse:
        room = self._room.of(context)
        return await self._rpcs.get(request, caller_of(context), messages.GetChartResponse, room)

    async def ListCharts(self, request: messages.ListChartsRequest, context: Context) -> messages.ListChartsResponse:
        room = self._room.of(context)
        return await self._rpcs.list(request, caller_of(context), messages.ListChartsResponse, room)

    async def UpdateChart(self, request: messages.UpdateChartRequest, context: Context) -> messages.UpdateChartResponse:
        room = self._room.of(context)
        return await self._rpcs.update(request, caller_of(context), messages.UpdateChartResponse, room)

    async def DeleteChart(self, request: messages.DeleteChartRequest, context: Context) -> messages.DeleteChartResponse:
        room = self._room.of(context)
        return await self._rpcs.delete(request, caller_of(context), messages.DeleteChartResponse, room)

    async def RestoreChart(
        self, request: messages.RestoreChartRequest, context: Context
    ) -> messages.RestoreChartResponse:
        room = self._room.of(context)
        return await self._rpcs.restore(request, caller_of(context), messages.RestoreChartResponse, room)
