"""What is measured on a database in one turn: each work next to what it is compared with."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from google.protobuf.empty_pb2 import Empty

from benchmarks import client, data, floors, indexing, prepared, processor, searches
from benchmarks.client import Sent, apart
from benchmarks.comparison import measures as comparison
from benchmarks.comparison.measures import Comparison
from benchmarks.data import Item
from benchmarks.doors import measure_doors
from benchmarks.echo import ECHO as ECHO_METHOD
from benchmarks.figures import ALONE, ECHO, EDGE, IDLE_WATCHERS, PERIODS
from benchmarks.floors import Floors
from benchmarks.loads import measure_loads
from benchmarks.prepared import Fresh
from benchmarks.recorder import Measure, Recorder, Size, Turn, Watch
from benchmarks.servers import EchoServer, Server
from dashboardcatalog.v1 import watch_pb2
from tests.postgres import PostgresServer

POSTGRESQL_SETTINGS: dict[str, str | int] = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
_WATCHERS, _IDLE_SECONDS = 1_000, 10.0
# Empty calls by one caller for each of another kind, since they take little time.
_EMPTY = 4
# Of each query.
_SEARCHES = 5

TakeTurn = Callable[[Watch], Turn]
"""Measures everything on one database."""


@contextmanager
def on_postgresql(folder: Path, postgres: PostgresServer, echo: EchoServer, size: Size) -> Iterator[TakeTurn]:
    """Prepares turns on a PostgreSQL server, with the comparison and with several processes."""
    comparison.prepare(postgres, size)
    floors_of = floors.on_postgresql(postgres, prepared.DATABASE, size)

    def take(watch: Watch) -> Turn:
        recorder = Recorder("PostgreSQL", watch)
        with ready.fresh() as fresh, comparison.fresh(fresh.folder, postgres) as other:
            beside = _Beside(echo, floors_of, Comparison(recorder, other, size))
            memory = _Bench(recorder, fresh, beside, size).run()
        with ready.fresh(workers=2) as fresh:
            measure_loads(recorder, fresh.server, size)
        return Turn("PostgreSQL", recorder.measures, memory)

    with prepared.on_postgresql(folder, postgres, size) as ready:
        yield take


@contextmanager
def on_sqlite(folder: Path, echo: EchoServer, size: Size) -> Iterator[TakeTurn]:
    """Prepares turns on SQLite files."""

    def take(watch: Watch) -> Turn:
        recorder = Recorder("SQLite", watch)
        with ready.fresh() as fresh:
            beside = _Beside(echo, floors.on_sqlite(fresh.url, fresh.folder, size))
            memory = _Bench(recorder, fresh, beside, size).run()
        return Turn("SQLite", recorder.measures, memory)

    with prepared.on_sqlite(folder, size) as ready:
        yield take


class _Beside(NamedTuple):
    """What the catalog is compared with.

    Attributes:
        comparison: None on SQLite.
    """

    echo: EchoServer
    floors_of: Floors
    comparison: Comparison | None = None


class _Bench:
    """The works of one turn. The indexer rests while something other than the catalog is measured."""

    def __init__(self, recorder: Recorder, fresh: Fresh, beside: _Beside, size: Size) -> None:
        self._recorder = recorder
        self._fresh = fresh
        self._server = fresh.server
        self._beside = beside
        self._size = size

    def run(self) -> int:
        """Measures everything, and returns the server's maximum memory in MiB."""
        items = self._size.items
        self._bulk("chart", data.charts(items), data.charts(items, edition=2), None)
        before = apart(client.token_of_now, self._server.address, self._server.token)
        known = data.dashboards(items)
        self._bulk("dashboard", known, data.dashboards(items, edition=2), self._beside.comparison)
        self._watch(before)
        self._search("search", facets=False)
        self._search("search with facets", facets=True)
        self._unary(known, self._size.calls, "", self._size.callers)
        if compared := self._beside.comparison:
            with self._paused():
                compared.unary("unary upsert", data.copies(known, self._size.calls_compared))
        indexing.wait_until_indexed(self._fresh.folder / "data")
        self._unary(known, self._size.calls_alone, ALONE, 1)
        measure_doors(self._recorder, self._fresh, self._size)
        measure_loads(self._recorder, self._server, self._size)
        return processor.peak_memory_of(self._server.pid)

    def _bulk(self, kind: str, first: Sequence[Item], changed: Sequence[Item], compared: Comparison | None) -> None:
        """Measures the first load with its floors, nothing changed, and everything changed."""
        for period, items in zip(PERIODS, (first, first, changed), strict=True):
            work = f"bulk {kind}s, {period}"
            self._recorder.record(self._server, work, len(items), partial(self._stream, items))
            with self._paused():
                if period == PERIODS[0]:
                    self._recorder.measures.extend(self._beside.floors_of(kind))
                if compared:
                    compared.bulk(work, items)

    def _watch(self, before: str) -> None:
        """Measures the delivery of the changes since a token, and what watchers cost that get nothing."""
        changes = self._size.items * 2
        for suffix, states in (("", False), (" with states", True)):
            request = watch_pb2.WatchChangesRequest(resume_token=before, include_state=states).SerializeToString()
            deliver = partial(self._deliver, request)
            self._recorder.record(self._server, f"watch, changes delivered{suffix}", changes, deliver)
        indexing.wait_until_indexed(self._fresh.folder / "data")
        self._recorder.measures.append(self._idle())

    def _deliver(self, request: bytes) -> Sent:
        sent = apart(client.watch, self._server.address, self._server.token, request)
        if sent.counts["changes"] != self._size.items * 2:
            raise RuntimeError(f"not all changes were delivered: {sent.counts}")
        return sent

    def _idle(self) -> Measure:
        """Measures watchers that get nothing, without their beginning; the processor time is the server's."""
        server = self._server
        sent = apart(client.watch_idly, server.address, server.token, _WATCHERS, _IDLE_SECONDS, server.pid)
        return Measure(self._recorder.database, IDLE_WATCHERS, int(_IDLE_SECONDS), sent.seconds, (0, sent.cpu, 0))

    def _search(self, work: str, *, facets: bool) -> None:
        """Measures the first page of many queries, by one caller."""
        requests = [searches.request(query, facets=facets) for query in searches.QUERIES] * _SEARCHES

        def search() -> Sent:
            searched = apart(searches.run, self._server.address, self._server.token, requests)
            return searched.sent._replace(each=searched.each)

        self._recorder.record(self._server, work, len(requests), search, has_latencies=True)

    def _unary(self, known: Sequence[Item], calls: int, suffix: str, callers: int) -> None:
        """Measures the echo, plain and behind the edge, and calls of the catalog, with a number of callers."""
        edition = 11 if suffix else 10
        new = data.copies(known, calls)
        for item in new:
            item.dashboard.name += f"-{edition}"
        echo, empty = self._beside.echo, [Empty().SerializeToString()] * (calls if callers > 1 else calls * _EMPTY)
        with self._paused():
            for work, address in ((ECHO, echo.plain), (EDGE, echo.edged)):
                server = Server(address, echo.token, echo.pid, None)
                self._calls(server, work + suffix, ECHO_METHOD, empty, callers, database="")
        for work, method, requests in (
            ("get", client.GET, data.get_requests(known, calls)),
            ("upsert", client.UPSERT, data.upsert_requests(new)),
            ("update", client.UPSERT, data.upsert_requests(data.updates(known, calls, edition))),
        ):
            self._calls(self._server, f"unary {work}{suffix}", method, requests, callers)

    def _calls(
        self,
        server: Server,
        work: str,
        method: str,
        requests: Sequence[bytes],
        callers: int,
        *,
        database: str | None = None,
    ) -> None:
        send = partial(apart, client.call_often, server.address, server.token, method, requests, callers)
        alone = callers == 1
        self._recorder.record(server, work, len(requests), send, has_latencies=alone, database=database)

    def _stream(self, items: Sequence[Item]) -> Sent:
        messages = data.bulk_messages(items, self._size.chunk)
        return apart(client.send_stream, self._server.address, self._server.token, messages)

    def _paused(self) -> AbstractContextManager[None]:
        return indexing.paused(self._fresh.folder / "data")
