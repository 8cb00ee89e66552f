"""The servicer of dashboards."""

import asyncio
from collections.abc import AsyncIterator

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.contract.kinds import ASSET_MESSAGES
from dashboard_catalog.rpc.asset_rpcs import AssetRpcs
from dashboard_catalog.rpc.bulk_stream import serve_bulk
from dashboard_catalog.rpc.edge.context import Context, caller_of, writes_responses
from dashboard_catalog.rpc.freshness import show_after
from dashboardcatalog.v1 import bulk_pb2, dashboard_service_pb2_grpc
from dashboardcatalog.v1 import dashboard_service_pb2 as messages

# Fewer than the connections to the database, so that bulk streams leave some to others.
CHUNKS_AT_ONCE = 8


class DashboardServicer(dashboard_service_pb2_grpc.DashboardServiceServicer):
    """Serves `dashboardcatalog.v1.DashboardService`; the contract documents each RPC."""

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._catalog = catalog
        self._chunks = asyncio.Semaphore(CHUNKS_AT_ONCE)
        self._rpcs = AssetRpcs(catalog, ASSET_MESSAGES["dashboard"], room)

    async def CreateDashboard(
        self, request: messages.CreateDashboardRequest, context: Context
    ) -> messages.CreateDashboardResponse:
        return await self._rpcs.create(request, context, messages.CreateDashboardResponse)

    async def UpsertDashboard(
        self, request: messages.UpsertDashboardRequest, context: Context
    ) -> messages.UpsertDashboardResponse:
        return await self._rpcs.upsert(request, context, messages.UpsertDashboardResponse)

    @writes_responses
    async def BulkUpsert(self, request_iterator: AsyncIterator[bulk_pb2.BulkUpsertRequest], context: Context) -> None:
        await serve_bulk(self._catalog, self._chunks, request_iterator, caller_of(context), context.write)
        show_after(self._catalog, context)

    async def GetDashboard(
        self, request: messages.GetDashboardRequest, context: Context
    ) -> messages.GetDashboardResponse:
        return await self._rpcs.get(request, context, messages.GetDashboardResponse)

    async def ListDashboards(
        self, request: messages.ListDashboardsRequest, context: Context
    ) -> messages.ListDashboardsResponse:
        return await self._rpcs.list(request, context, messages.ListDashboardsResponse)

    async def UpdateDashboard(
        self, request: messages.UpdateDashboardRequest, context: Context
    ) -> messages.UpdateDashboardResponse:
        return await self._rpcs.update(request, context, messages.UpdateDashboardResponse)

    async def DeleteDashboard(
        self, request: messages.DeleteDashboardRequest, context: Context
    ) -> messages.DeleteDashboardResponse:
        return await self._rpcs.delete(request, context, messages.DeleteDashboardResponse)

    async def RestoreDashboard(
        self, request: messages.RestoreDashboardRequest, context: Context
    ) -> messages.RestoreDashboardResponse:
        return await self._rpcs.restore(request, context, messages.RestoreDashboardResponse)

    async def ListDashboardVersions(
        self, request: messages.ListDashboardVersionsRequest, context: Context
    ) -> messages.ListDashboardVersionsResponse:
        return await self._rpcs.list_versions(request, context, messages.ListDashboardVersionsResponse)

    async def CompareDashboardVersions(
        self, request: messages.CompareDashboardVersionsRequest, context: Context
    ) -> messages.CompareDashboardVersionsResponse:
        return await self._rpcs.compare_versions(request, context, messages.CompareDashboardVersionsResponse)

    async def RevertDashboard(
        self, request: messages.RevertDashboardRequest, context: Context
    ) -> messages.RevertDashboardResponse:
        return await self._rpcs.revert(request, context, messages.RevertDashboardResponse)

    async def RenameDashboard(
        self, request: messages.RenameDashboardRequest, context: Context
    ) -> messages.RenameDashboardResponse:
        return await self._rpcs.rename(request, context, messages.RenameDashboardResponse)
