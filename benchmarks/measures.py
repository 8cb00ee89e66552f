"""The measures of one database: bulk loads, unary calls, and the floors beside them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import client, data, floors, processor
from benchmarks.client import Sent
from benchmarks.data import Item
from benchmarks.servers import Server, catalog_server
from dashboard_catalog.store import migrate
from tests.postgres import postgres_server

POSTGRESQL_SETTINGS: dict[str, str | int] = {"shared_buffers": "512MB", "max_wal_size": "4GB"}

Watch = Callable[[Server, str, int], AbstractContextManager[None]]
"""Makes the context that a measure of so many items runs in: a profiler, or nothing."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        items: Dashboards, and charts where charts are measured.
        chunk: Items in a message.
        calls: Unary calls.
        callers: Unary calls at once.
    """

    items: int
    chunk: int
    calls: int
    callers: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table.

    Attributes:
        cpu: Seconds of client, server and database.
    """

    database: str
    work: str
    items: int
    seconds: float
    cpu: tuple[float, float, float] = (0, 0, 0)

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.items / self.seconds


@dataclass(slots=True)
class Measured:
    """Everything that was measured on one database."""

    measures: list[Measure]
    floors: dict[str, floors.Floors]
    memory: int = 0


def on_postgresql(folder: Path, size: Size, watch: Watch) -> Measured:
    """Measures on a PostgreSQL server of its own, which writes through to the disk."""
    with postgres_server(**POSTGRESQL_SETTINGS) as postgres:
        postgres.execute("CREATE DATABASE catalog")
        url = postgres.url("catalog")
        migrate.upgrade(url)
        with catalog_server(folder, url, postgres) as server:
            return _Bench(
                "PostgreSQL",
                server,
                size,
                watch,
                lambda table: floors.on_postgresql(postgres, "catalog", table, size.chunk),
            ).run()


def on_sqlite(folder: Path, size: Size, watch: Watch) -> Measured:
    """Measures on a SQLite file."""
    url = f"sqlite+aiosqlite:///{folder / 'catalog.db'}"
    with catalog_server(folder, url, None) as server:
        return _Bench(
            "SQLite", server, size, watch, lambda table: floors.on_sqlite(url, table, size.chunk, folder)
        ).run()


class _Bench:
    def __init__(
        self,
        name: str,
        server: Server,
        size: Size,
        watch: Watch,
        floors_of: Callable[[str], floors.Floors],
    ) -> None:
        self._name = name
        self._server = server
        self._size = size
        self._watch = watch
        self._floors_of = floors_of
        self._measured = Measured([], {})

    def run(self) -> Measured:
        self._stream(data.entities())
        items = self._size.items
        self._bulk("chart", data.charts(items), data.charts(items, edition=2))
        # The other charts that the dashboards hold.
        self._stream(data.charts(items * data.CHARTS)[items:])
        dashboards = data.dashboards(items)
        self._bulk("dashboard", dashboards, data.dashboards(items, edition=2))
        self._unary(dashboards)
        self._measured.memory = processor.peak_memory_of(self._server.pid)
        return self._measured

    def _bulk(self, kind: str, first: Sequence[Item], changed: Sequence[Item]) -> None:
        """Measures first load, nothing changed, everything changed; the floors right beside."""
        for work, items in (("first load", first), ("nothing changed", first), ("everything changed", changed)):
            with self._measuring(f"bulk {kind}s, {work}", len(items)) as note:
                note(self._stream(items))
            if work == "first load":
                self._measured.floors[kind] = self._floors_of(kind)

    def _unary(self, known: Sequence[Item]) -> None:
        calls = self._size.calls
        new = data.copies(known, calls)
        for work, method, requests in (
            ("upsert", client.UPSERT, data.upsert_requests(new)),
            ("get", client.GET, data.get_requests(known, calls)),
        ):
            with self._measuring(f"unary {work}", calls) as note:
                note(self._call(method, requests))

    def _stream(self, items: Sequence[Item]) -> Sent:
        messages = data.bulk_messages(items, self._size.chunk)
        return client.apart(client.send_stream, self._server.address, self._server.token, messages)

    def _call(self, method: str, requests: Sequence[bytes]) -> Sent:
        server = self._server
        return client.apart(client.call_often, server.address, server.token, method, requests, self._size.callers)

    @contextmanager
    def _measuring(self, work: str, items: int) -> Iterator[Callable[[Sent], None]]:
        """Adds a line for what the block notes."""
        sent: list[Sent] = []
        before = self._server.cpu()
        with self._watch(self._server, f"{self._name} {work}", items):
            yield sent.append
        server, database = (after - start for after, start in zip(self._server.cpu(), before, strict=True))
        measure = Measure(self._name, work, items, sent[0].seconds, (sent[0].cpu, server, database))
        self._measured.measures.append(measure)
