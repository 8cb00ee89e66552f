"""Compares the two ways to see who refers to what, after a run of `benchmarks.watching`."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc.aio

from dashboardcatalog.v1.asset_pb2 import DELETED_INCLUDE
from dashboardcatalog.v1.dashboard_service_pb2 import ListDashboardsRequest
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub


async def wrong_lists(channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]]) -> AsyncIterator[str]:
    """Yields where the list of a chart or of an owner is not what dashboards say of themselves."""
    stub: Any = DashboardServiceStub(channel)

    async def listed(**filters: Any) -> list[Any]:
        request = ListDashboardsRequest(page_size=1_000, deleted=DELETED_INCLUDE, **filters)
        request.read_mask.paths.extend(["id", "charts", "owners"])
        dashboards = []
        while True:
            page = await stub.ListDashboards(request, metadata=metadata)
            dashboards += page.dashboards
            request.page_token = page.next_page_token
            if not request.page_token:
                return dashboards

    wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for dashboard in await listed():
        for chart in dashboard.charts:
            wanted["chart", chart.fully_qualified_name].add(dashboard.id)
        for owner in dashboard.owners:
            wanted["owner", f"user:{owner.name}"].add(dashboard.id)
    for (filter_, name), ids in wanted.items():
        found = {dashboard.id for dashboard in await listed(**{filter_: name})}
        if found != ids:
            yield f"the list of {filter_} {name} lacks {ids - found} and has {found - ids} besides"
