"""The servicer of charts."""

from typing import Any

import grpc.aio

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.kinds import CHART_KIND
from dashboard_catalog.rpc.asset_rpcs import AssetCalls
from dashboardcatalog.v1 import chart_pb2, chart_service_pb2_grpc
from dashboardcatalog.v1 import chart_service_pb2 as messages

Context = grpc.aio.ServicerContext[Any, Any]


class ChartServicer(chart_service_pb2_grpc.ChartServiceServicer):
    """Serves `dashboardcatalog.v1.ChartService`; the contract documents each RPC."""

    def __init__(self, catalog: Catalog) -> None:
        self._calls = AssetCalls(catalog, CHART_KIND, chart_pb2.ChartSpec, chart_pb2.Chart)

    async def CreateChart(self, request: messages.CreateChartRequest, context: Context) -> messages.CreateChartResponse:
        return await self._calls.create(request, messages.CreateChartResponse)  # type: ignore[no-any-return]

    async def UpsertChart(self, request: messages.UpsertChartRequest, context: Context) -> messages.UpsertChartResponse:
        return await self._calls.upsert(request, messages.UpsertChartResponse)  # type: ignore[no-any-return]

    async def GetChart(self, request: messages.GetChartRequest, context: Context) -> messages.GetChartResponse:
        return await self._calls.get(request, messages.GetChartResponse)  # type: ignore[no-any-return]

    async def ListCharts(self, request: messages.ListChartsRequest, context: Context) -> messages.ListChartsResponse:
        return await self._calls.list(request, messages.ListChartsResponse)  # type: ignore[no-any-return]

    async def UpdateChart(self, request: messages.UpdateChartRequest, context: Context) -> messages.UpdateChartResponse:
        return await self._calls.update(request, messages.UpdateChartResponse)  # type: ignore[no-any-return]

    async def DeleteChart(self, request: messages.DeleteChartRequest, context: Context) -> messages.DeleteChartResponse:
        return await self._calls.delete(request, messages.DeleteChartResponse)  # type: ignore[no-any-return]

    async def RestoreChart(
        self, request: messages.RestoreChartRequest, context: Context
    ) -> messages.RestoreChartResponse:
        return await self._calls.restore(request, messages.RestoreChartResponse)  # type: ignore[no-any-return]
