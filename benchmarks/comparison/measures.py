"""Measures the comparison: the same dashboards as the catalog's, on the same PostgreSQL server."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import data
from benchmarks.client import Sent, apart
from benchmarks.comparison.seed import seed
from benchmarks.data import Item
from benchmarks.http_client import put
from benchmarks.recorder import Measure, Recorder, Size, Watch
from benchmarks.servers import Server, comparison_server
from tests.postgres import PostgresServer

COMPARED = "comparison: "
"""What stands before the name of the catalog's work."""

ONE = "/v1/dashboards"
BULK = "/v1/dashboards/bulk"
_DATABASE = "comparison"


def on_postgresql(folder: Path, postgres: PostgresServer, size: Size, watch: Watch) -> list[Measure]:
    """Measures the service with its own database."""
    postgres.execute(f"CREATE DATABASE {_DATABASE}")
    seed(postgres.url(_DATABASE), data.entities(), data.charts(size.items * data.CHARTS))
    first, changed = data.dashboards(size.items), data.dashboards(size.items, edition=2)
    with comparison_server(folder, _DATABASE, postgres) as server:
        recorder = Recorder("PostgreSQL", server, watch)
        for work, items in (("first load", first), ("nothing changed", first), ("everything changed", changed)):
            send = partial(_put, server, BULK, bulk_bodies(items, size.chunk), 1)
            recorder.record(f"{COMPARED}bulk dashboards, {work}", size.items, send)
        new = data.copies(first, size.calls)
        recorder.record(
            f"{COMPARED}unary upsert", size.calls, partial(_put, server, ONE, data.json_bodies(new), size.callers)
        )
        return recorder.measures


def bulk_bodies(items: Sequence[Item], size: int) -> list[bytes]:
    """Returns the bodies of requests with `size` dashboards each."""
    made = data.json_bodies(items)
    return [b"[" + b",".join(made[start : start + size]) + b"]" for start in range(0, len(made), size)]


def _put(server: Server, path: str, requests: Sequence[bytes], callers: int) -> Sent:
    return apart(put, server.address, server.token, path, requests, callers)
