"""The servicer of dashboards."""

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.kinds import DASHBOARD_KIND
from dashboard_catalog.rpc.asset_rpcs import AssetCalls
from dashboard_catalog.rpc.bulk_stream import serve_bulk
from dashboardcatalog.v1 import bulk_pb2, dashboard_pb2, dashboard_service_pb2_grpc
from dashboardcatalog.v1 import dashboard_service_pb2 as messages

Context = grpc.aio.ServicerContext[Any, Any]


class DashboardServicer(dashboard_service_pb2_grpc.DashboardServiceServicer):
    """Serves `dashboardcatalog.v1.DashboardService`; the contract documents each RPC."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._calls = AssetCalls(catalog, DASHBOARD_KIND, dashboard_pb2.DashboardSpec, dashboard_pb2.Dashboard)

    async def CreateDashboard(
        self, request: messages.CreateDashboardRequest, context: Context
    ) -> messages.CreateDashboardResponse:
        return await self._calls.create(request, messages.CreateDashboardResponse)  # type: ignore[no-any-return]

    async def UpsertDashboard(
        self, request: messages.UpsertDashboardRequest, context: Context
    ) -> messages.UpsertDashboardResponse:
        return await self._calls.upsert(request, messages.UpsertDashboardResponse)  # type: ignore[no-any-return]

    async def BulkUpsert(  # type: ignore[override]
        self, request_iterator: AsyncIterator[bulk_pb2.BulkUpsertRequest], context: Context
    ) -> None:
        await serve_bulk(self._catalog, request_iterator, context.write)

    async def GetDashboard(
        self, request: messages.GetDashboardRequest, context: Context
    ) -> messages.GetDashboardResponse:
        return await self._calls.get(request, messages.GetDashboardResponse)  # type: ignore[no-any-return]

    async def ListDashboards(
        self, request: messages.ListDashboardsRequest, context: Context
    ) -> messages.ListDashboardsResponse:
        return await self._calls.list(request, messages.ListDashboardsResponse)  # type: ignore[no-any-return]

    async def UpdateDashboard(
        self, request: messages.UpdateDashboardRequest, context: Context
    ) -> messages.UpdateDashboardResponse:
        return await self._calls.update(request, messages.UpdateDashboardResponse)  # type: ignore[no-any-return]

    async def DeleteDashboard(
        self, request: messages.DeleteDashboardRequest, context: Context
    ) -> messages.DeleteDashboardResponse:
        return await self._calls.delete(request, messages.DeleteDashboardResponse)  # type: ignore[no-any-return]

    async def RestoreDashboard(
        self, request: messages.RestoreDashboardRequest, context: Context
    ) -> messages.RestoreDashboardResponse:
        return await self._calls.restore(request, messages.RestoreDashboardResponse)  # type: ignore[no-any-return]
