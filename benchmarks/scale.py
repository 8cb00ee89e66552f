"""Loads a large catalog into PostgreSQL, then lists it by every filter: `python -m benchmarks.scale --help`."""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks import client, processor
from benchmarks.measures import POSTGRESQL_SETTINGS
from benchmarks.scale_data import Scale
from benchmarks.scale_lists import CAPTION, measure, reads
from benchmarks.scale_load import Stream, load
from benchmarks.servers import Server, catalog_server
from dashboard_catalog.store import migrate
from dashboardcatalog.v1.dashboard_service_pb2 import DeleteDashboardRequest
from tests.postgres import PostgresServer, postgres_server


def main() -> None:
    arguments = _arguments()
    scale = Scale(arguments.dashboards, arguments.charts)
    with database(arguments.database_url) as (url, postgres), tempfile.TemporaryDirectory(prefix="scale-") as name:
        migrate.upgrade(url)
        with catalog_server(Path(name), url, postgres) as server:
            if arguments.only != "reads":
                _load(server, _streams(scale, arguments.every, reads=not arguments.never_read))
                _delete(server, scale)
            if url.startswith("postgresql"):
                asyncio.run(_vacuum(url))
            if arguments.only != "load":
                _read(server, scale)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--dashboards", type=int, default=1_000_000, help="at least 10,000 (%(default)s)")
    parser.add_argument("--charts", type=int, default=3_000_000, help="a multiple of --dashboards (%(default)s)")
    parser.add_argument("--every", type=int, default=100_000, help="items between two figures (%(default)s)")
    parser.add_argument("--never-read", action="store_true", help="load with a client that reads when all is sent")
    parser.add_argument("--database-url", help="a database to use, and to keep, instead of a new PostgreSQL")
    parser.add_argument("--only", choices=["load", "reads"], help="one half; both by default")
    arguments = parser.parse_args()
    if arguments.dashboards < 10_000 or arguments.charts % arguments.dashboards:
        parser.error("--dashboards must be at least 10,000, and --charts a multiple of it")
    return arguments


@contextmanager
def database(url: str | None) -> Iterator[tuple[str, PostgresServer | None]]:
    """Yields a database: the one with this URL, or a new one on a PostgreSQL that runs until the end of the block."""
    if url:
        yield url, None
        return
    with postgres_server(**POSTGRESQL_SETTINGS) as postgres:
        postgres.execute("CREATE DATABASE catalog")
        yield postgres.url("catalog"), postgres


def _streams(scale: Scale, every: int, *, reads: bool) -> Iterator[tuple[str, Stream]]:
    """Yields everything to load, and then the first dashboards again: unchanged, and changed."""
    yield "entities", Stream(scale, "entity", scale.dashboards, reads=reads, every=every)
    yield "charts", Stream(scale, "chart", scale.charts, reads=reads, every=every)
    yield "dashboards", Stream(scale, "dashboard", scale.dashboards, reads=reads, every=every)
    yield "unchanged", Stream(scale, "dashboard", 2 * every, reads=reads, every=every)
    yield "unchanged, never reading", Stream(scale, "dashboard", 5 * every, reads=False)
    yield "changed", Stream(scale, "dashboard", every, edition=2, reads=reads, every=every)


def _load(server: Server, streams: Iterator[tuple[str, Stream]]) -> None:
    """Sends streams, and prints a line per part, or one per stream if the client never reads."""
    print_line("stream", ("items", "per second", "server MiB", "client", "server", "database"))
    for name, stream in streams:
        done = 0
        for part in load(server, stream):
            done += part.items
            cpu = [f"{seconds / part.items * 1e6:,.0f}" for seconds in part.cpu]
            print_line(name, (f"{done:,}", f"{part.items / part.seconds:,.0f}", str(part.memory), *cpu))
    peak = processor.peak_memory_of(server.pid)
    print(f"client, server, database: microseconds of processor time an item. Server's peak memory: {peak} MiB.")


def _delete(server: Server, scale: Scale) -> None:
    """Deletes one dashboard in 500, with its charts, for lists of deleted assets."""
    fqns = islice(scale.dashboard_fqns(), 7, None, 500)
    # A database from an earlier run may already be loaded.
    requests = [DeleteDashboardRequest(fully_qualified_name=fqn, allow_missing=True) for fqn in fqns]
    bodies = [request.SerializeToString() for request in requests]
    client.apart(client.call_often, server.address, server.token, client.DELETE, bodies, 64)
    print(f"Deleted one dashboard of 500, {len(requests):,} in all, with their charts.", flush=True)


async def _vacuum(url: str) -> None:
    """Does what autovacuum would do within minutes."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("VACUUM ANALYZE"))
    await engine.dispose()


def _read(server: Server, scale: Scale) -> None:
    """Measures reads, and prints a line for each."""
    print(CAPTION)
    print_line("read, milliseconds", ("median", "worst", "goal", "found"))
    for read in reads(scale):
        taken = measure(server.address, server.token, read)
        goal = f"{read.goal}{'' if taken.median < read.goal else ' MISSED'}" if read.goal else ""
        print_line(read.label, (f"{taken.median:.1f}", f"{taken.worst:.1f}", goal, str(taken.found)))


def print_line(name: str, cells: Sequence[str]) -> None:
    """Prints a line of a table."""
    print(f"{name:44}", *(f"{cell:>10}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
