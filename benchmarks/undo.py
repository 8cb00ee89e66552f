"""Loads a session over data that people have edited, and reverts it: `python -m benchmarks.undo --help`.

Half of what the session wrote existed before. Some of it was edited before the session, some of it after, and some was
removed for good or is held by dashboards of others.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc

from benchmarks import client, data
from benchmarks.servers import Server, catalog_server
from dashboard_catalog.store.migrate import upgrade
from dashboardcatalog.v1 import bulk_pb2, bulk_session_pb2, catalog_service_pb2_grpc
from dashboardcatalog.v1 import dashboard_service_pb2 as messages
from dashboardcatalog.v1.asset_pb2 import DELETED_INCLUDE
from dashboardcatalog.v1.chart_service_pb2 import ListChartsRequest
from dashboardcatalog.v1.chart_service_pb2_grpc import ChartServiceStub
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub
from tests.postgres import THROWAWAY, postgres_server

CHUNK = 1_000


class Catalog:
    """The calls of one caller.

    Args:
        server: A running server.
        channel: A channel to it.
    """

    def __init__(self, server: Server, channel: grpc.Channel) -> None:
        self._headers = client.metadata(server.token)
        self._dashboards: Any = DashboardServiceStub(channel)
        self._charts: Any = ChartServiceStub(channel)
        self._catalog: Any = catalog_service_pb2_grpc.CatalogServiceStub(channel)

    def load(self, items: Sequence[data.Item]) -> str:
        """Loads items in one session and returns its id."""
        chunks = (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
        requests = (bulk_pb2.BulkUpsertRequest(items=chunk) for chunk in chunks)
        first, *_, last = self._dashboards.BulkUpsert(requests, metadata=self._headers)
        if last.summary.failed:
            raise RuntimeError(str(last.summary))
        return str(first.started.session_id)

    def edit(self, names: Sequence[str], text: str) -> None:
        """Changes the display name of dashboards, as people do."""
        spec = DashboardSpec(display_name=text)
        for name in names:
            request = messages.UpdateDashboardRequest(fully_qualified_name=name, dashboard=spec)
            request.update_mask.paths.append("display_name")
            self._dashboards.UpdateDashboard(request, metadata=self._headers)

    def remove(self, names: Sequence[str]) -> None:
        """Removes dashboards for good, with their charts."""
        for name in names:
            request = messages.DeleteDashboardRequest(fully_qualified_name=name, hard=True)
            self._dashboards.DeleteDashboard(request, metadata=self._headers)

    def hold(self, charts: Sequence[str]) -> None:
        """Adds a dashboard of somebody else with these charts."""
        spec = DashboardSpec(name="others", service=data.SERVICE, charts=charts)
        self._dashboards.CreateDashboard(messages.CreateDashboardRequest(dashboard=spec), metadata=self._headers)

    def revert(self, session_id: str) -> tuple[float, bulk_session_pb2.RevertSessionSummary]:
        """Reverts a session. Returns how long it took, and its summary."""
        request = bulk_session_pb2.RevertSessionRequest(session_id=session_id)
        began = time.perf_counter()
        *_, last = self._catalog.RevertSession(request, metadata=self._headers)
        return time.perf_counter() - began, last.summary

    def versions(self) -> Iterator[tuple[str, str]]:
        """Yields kind and version of every asset, with a word for one that is deleted."""
        for kind, call, request in (
            ("dashboard", self._dashboards.ListDashboards, messages.ListDashboardsRequest),
            ("chart", self._charts.ListCharts, ListChartsRequest),
        ):
            token = ""
            while True:
                wanted = request(page_size=1_000, page_token=token, deleted=DELETED_INCLUDE)
                wanted.read_mask.paths.extend(["version", "deleted"])
                page = call(wanted, metadata=self._headers)
                for asset in getattr(page, f"{kind}s"):
                    yield kind, f"{asset.version:.1f}" + (" deleted" if asset.deleted else "")
                if not (token := page.next_page_token):
                    break


@contextmanager
def on_database(database: str, folder: Path) -> Iterator[Server]:
    """Runs a server on a new database of a kind until the end of the block."""
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server(**THROWAWAY)) if database == "postgresql" else None
        if postgres:
            postgres.execute("CREATE DATABASE undo")
        url = postgres.url("undo") if postgres else f"sqlite+aiosqlite:///{folder / 'catalog.db'}"
        upgrade(url)
        yield stack.enter_context(catalog_server(folder, url, postgres))


def measure(catalog: Catalog, size: int) -> None:
    """Loads, edits, loads a session of `size` items over it, edits again, and reverts the session."""
    count = size // (data.CHARTS + 1)
    before, edited = count * 9 // 10, count // 10
    charts, dashboards = data.charts(count * data.CHARTS, 2), data.dashboards(count, 2)
    names = [f"{data.SERVICE}.{item.dashboard.name}" for item in dashboards]
    catalog.load([*data.entities(), *data.charts(before * data.CHARTS), *data.dashboards(before)])
    catalog.edit(names[:edited], "by hand")
    began = time.perf_counter()
    session_id = catalog.load([*charts, *dashboards])
    loaded = time.perf_counter() - began
    catalog.edit(names[edited : edited * 2], "since")
    catalog.remove(names[edited * 2 : edited * 2 + 50])
    catalog.hold([f"{data.SERVICE}.{item.chart.name}" for item in charts[-50:]])
    seconds, summary = catalog.revert(session_id)
    again, rest = catalog.revert(session_id)
    print(f"session of {count * (data.CHARTS + 1):,} items: loaded in {loaded:.1f} s")
    rate, ratio = summary.reverted / seconds, seconds / loaded
    print(f"reverted {summary.reverted:,} in {seconds:.1f} s ({rate:,.0f}/s), {ratio:.1f} times as long as the load")
    reasons = Counter(bulk_session_pb2.BulkRevertSkip.Name(one.reason) for one in summary.sample)
    print(f"skipped {summary.skipped:,}; of {len(summary.sample)} named: {dict(reasons)}")
    print(f"called again: reverted {rest.reverted:,}, skipped {rest.skipped:,}, in {again:.1f} s")
    for (kind, version), number in sorted(Counter(catalog.versions()).items()):
        print(f"  {number:6,} {kind}s in version {version}")


def main() -> None:
    """Measures on each database."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=20_000, help="items of the session (20000 by default)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append", help="both by default")
    options = parser.parse_args()
    for database in options.database or ["sqlite", "postgresql"]:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            server = stack.enter_context(on_database(database, Path(folder)))
            channel = stack.enter_context(grpc.insecure_channel(server.address))
            print(f"\n{database}")
            measure(Catalog(server, channel), options.size)


if __name__ == "__main__":
    main()
