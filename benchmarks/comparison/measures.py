"""Measures the comparison: the same dashboards as the catalog's, on the same PostgreSQL server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import data
from benchmarks.client import Sent, apart
from benchmarks.comparison.seed import seed
from benchmarks.data import Item
from benchmarks.figures import COMPARED
from benchmarks.http_client import put
from benchmarks.recorder import Recorder, Size
from benchmarks.servers import Server, comparison_server
from tests.postgres import PostgresServer

ONE = "/v1/dashboards"
BULK = "/v1/dashboards/bulk"
_SEEDED, _DATABASE = "comparison_seeded", "comparison"


class Comparison:
    """The service, which does the same work as the catalog."""

    def __init__(self, recorder: Recorder, server: Server, size: Size) -> None:
        self._recorder = recorder
        self._server = server
        self._size = size

    def bulk(self, work: str, items: Sequence[Item]) -> None:
        """Records lists of dashboards, one after the other on one connection."""
        send = partial(_put, self._server, BULK, bulk_bodies(items, self._size.chunk), 1)
        self._recorder.record(self._server, f"{COMPARED}{work}", len(items), send)

    def unary(self, work: str, items: Sequence[Item]) -> None:
        """Records dashboards in calls of their own."""
        send = partial(_put, self._server, ONE, data.json_bodies(items), self._size.callers)
        self._recorder.record(self._server, f"{COMPARED}{work}", len(items), send)


def prepare(postgres: PostgresServer, size: Size) -> None:
    """Creates the database that each measurement gets a copy of."""
    postgres.execute(f"CREATE DATABASE {_SEEDED}")
    seed(postgres.url(_SEEDED), data.entities(), data.charts(size.items * data.CHARTS))


@contextmanager
def fresh(folder: Path, postgres: PostgresServer) -> Iterator[Server]:
    """Runs the service on a copy of the prepared database until the end of the block."""
    postgres.execute(f"CREATE DATABASE {_DATABASE} TEMPLATE {_SEEDED} STRATEGY file_copy")
    try:
        with comparison_server(folder, _DATABASE, postgres) as server:
            # So that no statement runs for the first time.
            _put(server, BULK, bulk_bodies(data.copies(data.dashboards(1), 1), 1), 1)
            yield server
    finally:
        postgres.execute(f"DROP DATABASE {_DATABASE} WITH (FORCE)")


def bulk_bodies(items: Sequence[Item], size: int) -> list[bytes]:
    """Returns the bodies of requests with `size` dashboards each."""
    made = data.json_bodies(items)
    return [b"[" + b",".join(made[start : start + size]) + b"]" for start in range(0, len(made), size)]


def _put(server: Server, path: str, requests: Sequence[bytes], callers: int) -> Sent:
    return apart(put, server.address, server.token, path, requests, callers)
