"""Loads a large catalog into PostgreSQL, then lists it by every filter: `python -m benchmarks.scale --help`."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from benchmarks import client, processor
from benchmarks.measures import POSTGRESQL_SETTINGS
from benchmarks.scale_data import Scale
from benchmarks.scale_lists import measure, reads
from benchmarks.scale_load import Stream, load
from benchmarks.servers import Server, catalog_server
from dashboard_catalog.store import migrate
from dashboards.v1.dashboard_service_pb2 import DeleteDashboardRequest
from tests.postgres import PostgresServer, postgres_server


def main() -> None:
    arguments = _arguments()
    scale = Scale(arguments.dashboards, arguments.charts)
    with _database(arguments.database_url) as (url, postgres), tempfile.TemporaryDirectory(prefix="scale-") as name:
        migrate.upgrade(url)
        with catalog_server(Path(name), url, postgres) as server:
            if arguments.only != "reads":
                _load(server, _streams(scale, arguments.every, reads=not arguments.never_read))
                _delete(server, scale)
            if postgres:
                # As autovacuum does within minutes.
                postgres.execute("VACUUM ANALYZE", database="catalog")
            if arguments.only != "load":
                _read(server, scale)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--dashboards", type=int, default=1_000_000, help="at least 10,000 (%(default)s)")
    parser.add_argument("--charts", type=int, default=3_000_000, help="a multiple of that (%(default)s)")
    parser.add_argument("--every", type=int, default=100_000, help="items between two figures (%(default)s)")
    parser.add_argument("--never-read", action="store_true", help="load with a client that reads when all is sent")
    parser.add_argument("--database-url", help="a database to use, and to keep, instead of a new PostgreSQL")
    parser.add_argument("--only", choices=["load", "reads"], help="one half; both by default")
    return parser.parse_args()


@contextmanager
def _database(url: str | None) -> Iterator[tuple[str, PostgresServer | None]]:
    if url:
        yield url, None
        return
    with postgres_server(**POSTGRESQL_SETTINGS) as postgres:
        postgres.execute("CREATE DATABASE catalog")
        yield postgres.url("catalog"), postgres


def _streams(scale: Scale, every: int, *, reads: bool) -> Iterator[tuple[str, Stream]]:
    """Yields all that is loaded, and then the first dashboards again: unchanged, and changed.

    Who sends the unchanged ones never reads, whoever loads.
    """
    yield "entities", Stream(scale, "entity", scale.dashboards, reads=reads, every=every)
    yield "charts", Stream(scale, "chart", scale.charts, reads=reads, every=every)
    yield "dashboards", Stream(scale, "dashboard", scale.dashboards, reads=reads, every=every)
    yield "unchanged, never reading", Stream(scale, "dashboard", 5 * every, reads=False, every=every)
    yield "changed", Stream(scale, "dashboard", every, edition=2, reads=reads, every=every)


def _load(server: Server, streams: Iterator[tuple[str, Stream]]) -> None:
    """Sends streams, and prints a line for each of their parts when it is done."""
    _line("stream", ("items", "a second", "server MiB", "client", "server", "database"))
    for name, stream in streams:
        done = 0
        for part in load(server, stream):
            done += part.items
            cpu = [f"{seconds / part.items * 1e6:,.0f}" for seconds in part.cpu]
            _line(name, (f"{done:,}", f"{part.items / part.seconds:,.0f}", str(part.memory), *cpu))
    peak = processor.peak_memory_of(server.pid)
    print(f"client, server, database: microseconds of processor time an item. Server's peak memory: {peak} MiB.")


def _delete(server: Server, scale: Scale) -> None:
    """Deletes one dashboard of 500, with their charts."""
    fqns = islice(scale.dashboard_fqns(), 7, None, 500)
    requests = [DeleteDashboardRequest(fully_qualified_name=fqn).SerializeToString() for fqn in fqns]
    client.apart(client.call_often, server.address, server.token, client.DELETE, requests, 64)


def _read(server: Server, scale: Scale) -> None:
    """Measures reads, and prints a line for each."""
    _line("read, milliseconds", ("median", "worst", "goal", "found"))
    for read in reads(scale):
        taken = measure(server.address, server.token, read)
        goal = f"{read.goal}{'' if taken.median < read.goal else ' MISSED'}" if read.goal else ""
        _line(read.label, (f"{taken.median:.1f}", f"{taken.worst:.1f}", goal, str(taken.found)))


def _line(name: str, cells: Sequence[str]) -> None:
    print(f"{name:44}", *(f"{cell:>10}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
