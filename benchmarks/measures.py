"""Measures one database: bulk loads, unary calls, the floors beside them, and the comparison."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import client, data, floors, processor, searches
from benchmarks.client import Sent
from benchmarks.comparison import measures as compared
from benchmarks.data import Item
from benchmarks.doors import measure_doors
from benchmarks.recorder import Measure, Recorder, Size, Watch
from benchmarks.servers import Server, catalog_server
from dashboard_catalog.store import migrate
from dashboardcatalog.v1 import watch_pb2
from tests.postgres import postgres_server

IDLE_WATCHERS, IDLE_SECONDS = 1_000, 30.0
# Of each query.
SEARCHES = 10
POSTGRESQL_SETTINGS: dict[str, str | int] = {"shared_buffers": "512MB", "max_wal_size": "4GB"}


@dataclass(slots=True)
class Measured:
    """All measurements on one database.

    Attributes:
        memory: The maximum memory of the catalog's server, in MiB.
        comparison: The same work done by another service, under its own names.
    """

    measures: list[Measure]
    floors: dict[str, floors.Floors]
    memory: int
    comparison: Sequence[Measure] = ()


def on_postgresql(folder: Path, size: Size, watch: Watch) -> Measured:
    """Measures on a separate PostgreSQL server that writes through to the disk."""
    with postgres_server(**POSTGRESQL_SETTINGS) as postgres:
        postgres.execute("CREATE DATABASE catalog")
        url = postgres.url("catalog")
        migrate.upgrade(url)
        with catalog_server(folder, url, postgres, http=True) as server:
            measured = _Bench(
                "PostgreSQL",
                server,
                size,
                watch,
                floors_of=lambda table: floors.on_postgresql(postgres, "catalog", table, size.chunk),
                folder=folder,
            ).run()
        measured.comparison = compared.on_postgresql(folder, postgres, size, watch)
        return measured


def on_sqlite(folder: Path, size: Size, watch: Watch) -> Measured:
    """Measures on a SQLite file."""
    url = f"sqlite+aiosqlite:///{folder / 'catalog.db'}"
    with catalog_server(folder, url, None, http=True) as server:
        return _Bench(
            "SQLite",
            server,
            size,
            watch,
            floors_of=lambda table: floors.on_sqlite(url, table, size.chunk, folder),
            folder=folder,
        ).run()


class _Bench:
    def __init__(
        self,
        name: str,
        server: Server,
        size: Size,
        watch: Watch,
        *,
        floors_of: Callable[[str], floors.Floors],
        folder: Path,
    ) -> None:
        self._server = server
        self._folder = folder
        self._size = size
        self._recorder = Recorder(name, server, watch)
        self._floors_of = floors_of
        self._floors: dict[str, floors.Floors] = {}

    def run(self) -> Measured:
        self._stream(data.entities())
        items = self._size.items
        self._bulk("chart", data.charts(items), data.charts(items, edition=2))
        # The other charts in the dashboards.
        self._stream(data.charts(items * data.CHARTS)[items:])
        before = client.apart(client.token_of_now, self._server.address, self._server.token)
        dashboards = data.dashboards(items)
        self._bulk("dashboard", dashboards, data.dashboards(items, edition=2))
        self._watch(before)
        self._search("search", facets=False)
        self._search("search with facets", facets=True)
        self._unary(dashboards)
        measure_doors(self._recorder, self._server, self._size, self._folder)
        return Measured(self._recorder.measures, self._floors, processor.peak_memory_of(self._server.pid))

    def _bulk(self, kind: str, first: Sequence[Item], changed: Sequence[Item]) -> None:
        """Measures the first load, nothing changed, and everything changed, and then the floors of the first load."""
        for work, items in (("first load", first), ("nothing changed", first), ("everything changed", changed)):
            self._recorder.record(f"bulk {kind}s, {work}", len(items), partial(self._stream, items))
            if work == "first load":
                self._floors[kind] = self._floors_of(kind)

    def _watch(self, before: str) -> None:
        """Measures the delivery of the changes since a token, and what watchers cost that get nothing."""
        changes = self._size.items * 2
        for work, states, goal in (("", False, "(20,000 per second)"), (" with states", True, "")):
            request = watch_pb2.WatchChangesRequest(resume_token=before, include_state=states).SerializeToString()
            deliver = partial(self._deliver, request)
            self._recorder.record(f"watch, changes delivered{work}", changes, deliver, partial(str, goal))
        server = self._server
        sent = client.apart(client.watch_idly, server.address, server.token, IDLE_WATCHERS, IDLE_SECONDS, server.pid)
        cpu, share = (0.0, sent.cpu, 0.0), f"{sent.cpu / sent.seconds:.1%} of a core (2 %)"
        work = f"watch, {IDLE_WATCHERS:,} idle watchers (per second)"
        self._recorder.measures.append(
            Measure(self._recorder.database, work, int(IDLE_SECONDS), sent.seconds, cpu, share)
        )

    def _deliver(self, request: bytes) -> Sent:
        sent = client.apart(client.watch, self._server.address, self._server.token, request)
        if sent.counts["changes"] != self._size.items * 2:
            raise RuntimeError(f"not all changes were delivered: {sent.counts}")
        return sent

    def _search(self, work: str, *, facets: bool) -> None:
        """Measures the first page of many queries, by one caller."""
        requests = [searches.request(query, facets=facets) for query in searches.QUERIES] * SEARCHES
        each: list[float] = []

        def search() -> Sent:
            searched = client.apart(searches.run, self._server.address, self._server.token, requests)
            each.extend(searched.each)
            return searched.sent

        self._recorder.record(work, len(requests), search, lambda: f"{searches.latency(each)} (100 ms)")

    def _unary(self, known: Sequence[Item]) -> None:
        calls = self._size.calls
        new = data.copies(known, calls)
        for work, method, requests in (
            ("upsert", client.UPSERT, data.upsert_requests(new)),
            ("get", client.GET, data.get_requests(known, calls)),
            ("update", client.UPSERT, data.upsert_requests(data.updates(known, calls, 3))),
        ):
            self._recorder.record(f"unary {work}", calls, partial(self._call, method, requests))

    def _stream(self, items: Sequence[Item]) -> Sent:
        messages = data.bulk_messages(items, self._size.chunk)
        return client.apart(client.send_stream, self._server.address, self._server.token, messages)

    def _call(self, method: str, requests: Sequence[bytes]) -> Sent:
        server = self._server
        return client.apart(client.call_often, server.address, server.token, method, requests, self._size.callers)
