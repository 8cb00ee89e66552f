"""Builds the search index of a large catalog, searches it, and loads beside it: see `--help`."""

import argparse
import asyncio
import os
import resource
import signal
import statistics
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from benchmarks import client, processor, searches
from benchmarks.scale import database, print_line
from benchmarks.scale_data import Scale
from benchmarks.scale_load import Stream, load
from benchmarks.servers import Server, catalog_server
from dashboard_catalog.catalog.indexing.building import build
from dashboard_catalog.index.folders import IndexFolder
from dashboard_catalog.index.writer import Writer
from dashboard_catalog.store import migrate
from dashboard_catalog.store.database import Database

# Of each query.
_CALLS = 20


class Built(NamedTuple):
    """A full build: what it took, and what it made."""

    documents: int
    seconds: float
    cpu: float
    memory: int
    size: int


def main() -> None:
    arguments = _arguments()
    scale = Scale(arguments.dashboards, arguments.charts)
    with database(arguments.database_url) as (url, postgres), tempfile.TemporaryDirectory(prefix="searching-") as name:
        migrate.upgrade(url)
        with catalog_server(Path(name), url, postgres) as server:
            folder = _index_folder(Path(name))
            if not arguments.loaded:
                _load(server, folder, scale)
            if arguments.beside:
                _load_beside(server, folder, scale, arguments.beside)
            _caught_up(folder)
            _build(url, Path(name) / "built")
            if not arguments.never_search:
                _search(server)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.searching", description=__doc__)
    parser.add_argument("--dashboards", type=int, default=1_000_000, help="at least 10,000 (%(default)s)")
    parser.add_argument("--charts", type=int, default=3_000_000, help="a multiple of --dashboards (%(default)s)")
    parser.add_argument("--database-url", help="a database to use, and to keep, instead of a new PostgreSQL")
    parser.add_argument("--loaded", action="store_true", help="the database holds the catalog already")
    parser.add_argument("--beside", type=int, metavar="ITEMS", help="compare loads with and without an indexer beside")
    parser.add_argument("--never-search", action="store_true", help="only build")
    return parser.parse_args()


def _index_folder(folder: Path) -> IndexFolder:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := list(folder.glob("data/search/*/status.json")):
            return IndexFolder(found[0].parent)
        time.sleep(0.1)
    raise RuntimeError("the server has no indexer")


def _load(server: Server, folder: IndexFolder, scale: Scale) -> None:
    for kind, count in (("entity", scale.dashboards), ("chart", scale.charts), ("dashboard", scale.dashboards)):
        parts = list(load(server, Stream(scale, kind, count, every=count)))
        items, seconds = sum(part.items for part in parts), sum(part.seconds for part in parts)
        lag = (status := folder.status()) and status.lag(time.time(), idle=2.0)
        print_line(f"load, {kind}", (f"{items:,}", f"{items / seconds:,.0f} / s", f"lag {lag or 0:.0f} s"))


def _load_beside(server: Server, folder: IndexFolder, scale: Scale, items: int) -> None:
    """Loads changed dashboards in turns: with the indexer, and while it is stopped."""
    indexer = int((folder.root / "lock").read_text())
    rates: dict[bool, list[float]] = {True: [], False: []}
    for edition, runs in zip(range(2, 10), cycle([True, False]), strict=False):
        os.kill(indexer, signal.SIGCONT if runs else signal.SIGSTOP)
        parts = list(load(server, Stream(scale, "dashboard", items, edition=edition, every=items)))
        rates[runs].append(sum(part.items for part in parts) / sum(part.seconds for part in parts))
    os.kill(indexer, signal.SIGCONT)
    beside, alone = statistics.mean(rates[True]), statistics.mean(rates[False])
    print_line("changed dashboards a second", (f"{beside:,.0f}", f"alone {alone:,.0f}", f"ratio {beside / alone:.3f}"))


def _caught_up(folder: IndexFolder) -> None:
    began = time.monotonic()
    while not (status := folder.status()) or status.building or status.lag(time.time(), idle=2.0):
        time.sleep(0.1)
    print_line("caught up", (f"{time.monotonic() - began:.1f} s",))


def _build(url: str, folder: Path) -> None:
    built = client.apart(_build_apart, url, folder)
    each = built.cpu / built.documents * 1e6
    print_line("full build, documents", (f"{built.documents:,}", f"{built.seconds:.1f} s", f"{each:.0f} us each"))
    print_line(
        "", (f"{built.size / built.documents:.0f} bytes each", f"{built.size >> 20} MiB", f"peak {built.memory} MiB")
    )


def _build_apart(url: str, folder: Path) -> Built:
    folder.mkdir()

    async def run() -> int:
        catalog = Database(url, pool_size=1)
        documents = await build(catalog, writer)
        await catalog.close()
        return documents

    began, cpu, writer = time.monotonic(), time.process_time(), Writer(folder)
    documents = asyncio.run(run())
    writer.commit({})
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    writer.close()
    size = sum(file.stat().st_size for file in folder.iterdir())
    return Built(documents, seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, size)


def _search(server: Server) -> None:
    print_line("query, milliseconds", ("found", "median", "with facets"))
    taken: dict[bool, list[float]] = {False: [], True: []}
    for query in searches.QUERIES:
        found, medians = 0, []
        for facets, each in taken.items():
            # The first one is to warm up.
            requests = [searches.request(query, facets=facets)] * (_CALLS + 1)
            searched = client.apart(searches.run, server.address, server.token, requests)
            each.extend(searched.each[1:])
            found = searched.found
            medians.append(f"{statistics.median(searched.each[1:]):.1f}")
        print_line(query or "(nothing)", (f"{found:,}", *medians))
    for facets, each in taken.items():
        goal = "(p99 100 ms, with over 500,000 results 500 ms)" if facets else "(p99 100 ms)"
        print_line(f"all queries, {'with' if facets else 'without'} facets", (searches.latency(each), goal))
    print_line("memory of the server", (f"{processor.peak_memory_of(server.pid):,} MiB",))


if __name__ == "__main__":
    main()
