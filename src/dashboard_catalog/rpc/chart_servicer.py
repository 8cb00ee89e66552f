"""The servicer of charts."""

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.contract.kinds import ASSET_MESSAGES
from dashboard_catalog.rpc.asset_rpcs import AssetRpcs
from dashboard_catalog.rpc.edge.context import Context
from dashboardcatalog.v1 import chart_service_pb2 as messages
from dashboardcatalog.v1 import chart_service_pb2_grpc


class ChartServicer(chart_service_pb2_grpc.ChartServiceServicer):
    """Serves `dashboardcatalog.v1.ChartService`; the contract documents each RPC."""

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._rpcs = AssetRpcs(catalog, ASSET_MESSAGES["chart"], room)

    async def CreateChart(self, request: messages.CreateChartRequest, context: Context) -> messages.CreateChartResponse:
        return await self._rpcs.create(request, context, messages.CreateChartResponse)

    async def UpsertChart(self, request: messages.UpsertChartRequest, context: Context) -> messages.UpsertChartResponse:
        return await self._rpcs.upsert(request, context, messages.UpsertChartResponse)

    async def GetChart(self, request: messages.GetChartRequest, context: Context) -> messages.GetChartResponse:
        return await self._rpcs.get(request, context, messages.GetChartResponse)

    async def ListCharts(self, request: messages.ListChartsRequest, context: Context) -> messages.ListChartsResponse:
        return await self._rpcs.list(request, context, messages.ListChartsResponse)

    async def UpdateChart(self, request: messages.UpdateChartRequest, context: Context) -> messages.UpdateChartResponse:
        return await self._rpcs.update(request, context, messages.UpdateChartResponse)

    async def DeleteChart(self, request: messages.DeleteChartRequest, context: Context) -> messages.DeleteChartResponse:
        return await self._rpcs.delete(request, context, messages.DeleteChartResponse)

    async def RestoreChart(
        self, request: messages.RestoreChartRequest, context: Context
    ) -> messages.RestoreChartResponse:
        return await self._rpcs.restore(request, context, messages.RestoreChartResponse)

    async def ListChartVersions(
        self, request: messages.ListChartVersionsRequest, context: Context
    ) -> messages.ListChartVersionsResponse:
        return await self._rpcs.list_versions(request, context, messages.ListChartVersionsResponse)

    async def CompareChartVersions(
        self, request: messages.CompareChartVersionsRequest, context: Context
    ) -> messages.CompareChartVersionsResponse:
        return await self._rpcs.compare_versions(request, context, messages.CompareChartVersionsResponse)

    async def RevertChart(self, request: messages.RevertChartRequest, context: Context) -> messages.RevertChartResponse:
        return await self._rpcs.revert(request, context, messages.RevertChartResponse)

    async def RenameChart(self, request: messages.RenameChartRequest, context: Context) -> messages.RenameChartResponse:
        return await self._rpcs.rename(request, context, messages.RenameChartResponse)
