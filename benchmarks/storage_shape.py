"""Measures how best to store references of assets and to read lists: docs/decisions/0001 has the outcome.

It does not use the catalog's own code: it contains tables and statements in every shape that was considered, so
that the choice can be repeated.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import column, insert, table
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks import storage_lists
from benchmarks.processor import postmaster_of, seconds_of_tree
from benchmarks.storage_lists import sqlite
from benchmarks.storage_rows import (
    COLUMNS,
    HISTORY,
    LAYOUTS,
    SQLITE_LAYOUTS,
    UPDATE,
    UPDATED,
    WRITTEN,
    Layout,
    Row,
    changed,
    chunks,
    dashboards,
    for_sqlite,
    postgresql_indexes,
    postgresql_references,
    postgresql_tables,
    sqlite_references,
    sqlite_tables,
)
from tests.postgres import PostgresServer, postgres_server

ROUNDS = 4
SETTINGS = {
    "shared_buffers": "512MB", "max_wal_size": "4GB", "work_mem": "32MB", "maintenance_work_mem": "512MB",
    "effective_cache_size": "4GB", "random_page_cost": "1.1", "log_checkpoints": "off",
}  # fmt: skip


class Rate(NamedTuple):
    """Rows per second, and microseconds of processor time per row, of this process and the database together."""

    rows: float
    cpu: float


class Writer:
    """Writes the same rows into one layout after another, of a database that nobody else uses."""

    def __init__(self, server: PostgresServer, connection: Any) -> None:
        self._server = server
        self._connection = connection
        self._postmaster = postmaster_of(server)

    async def load(self, layout: Layout, rows: Sequence[Row]) -> Rate:
        """Copies rows into a layout."""
        refer = await self._empty(layout)

        async def write(chunk: Sequence[Row]) -> None:
            async with self._connection.transaction():
                await self._connection.copy_records_to_table("dashboard", records=chunk)
                if refer:
                    await self._connection.execute(refer, *keys(chunk))

        return await timed(write, rows, self._cpu)

    async def load_by_sqlalchemy(self, layout: Layout, rows: Sequence[Row]) -> Rate:
        """Inserts rows into a layout by executemany."""
        refer = await self._empty(layout)
        into = insert(table("dashboard", *map(column, COLUMNS)))
        engine = create_async_engine(self._server.url())

        async def write(chunk: Sequence[Row]) -> None:
            async with engine.begin() as session:
                await session.execute(into, [dict(zip(COLUMNS, row, strict=True)) for row in chunk])
                if refer:
                    await session.exec_driver_sql(refer, keys(chunk))

        rate = await timed(write, rows, self._cpu)
        await engine.dispose()
        return rate

    async def update(self, layout: Layout, rows: Sequence[Row]) -> tuple[Rate, Rate]:
        """Loads rows, then gives each two new versions; returns the rate of each version."""
        await self.load(layout, rows)
        await self._connection.execute("ANALYZE")

        async def write(chunk: Sequence[Row]) -> None:
            async with self._connection.transaction():
                await self._connection.execute(HISTORY, *keys(chunk))
                await self._connection.executemany(UPDATE, chunk)

        rates = []
        for edition in (2, 3):
            rows = changed(rows, edition)
            await self._connection.execute("CHECKPOINT")
            rates.append(await timed(write, rows, self._cpu))
        return rates[0], rates[1]

    async def _empty(self, layout: Layout) -> str:
        """Creates the tables; returns the statement that adds the references of some dashboards of a service."""
        for statement in (*postgresql_tables(layout), *postgresql_indexes(layout), "CHECKPOINT"):
            await self._connection.execute(statement)
        some = "d.service_id = $1 AND d.name = ANY ($2)"
        return postgresql_references(layout, some) if layout.references else ""

    def _cpu(self) -> float:
        return time.process_time() + seconds_of_tree(self._postmaster)


async def write_sqlite(folder: Path, layout: Layout, rows: Sequence[Row]) -> tuple[Rate, Rate]:
    """Loads rows, then gives each a new version; returns both rates."""
    into = f"INSERT INTO dashboard VALUES ({', '.join('?' * len(COLUMNS))})"
    some = "service_id = ? AND name IN (SELECT value FROM json_each(?))"
    refer = sqlite_references(layout, f"d.{some.replace('name', 'd.name')}") if layout.references else "SELECT ?, ?"
    history = HISTORY.replace("$1", "?").replace("= ANY ($2)", "IN (SELECT value FROM json_each(?))")
    async with sqlite(folder / "written.db", sqlite_tables(layout)) as connection:

        async def write(before: str, statement: str, after: str, chunk: Sequence[Row]) -> None:
            service_id, names = keys(chunk)
            await connection.execute("BEGIN IMMEDIATE")
            await connection.execute(before, (service_id, json.dumps(names)))
            await connection.executemany(statement, chunk)
            await connection.execute(after, (service_id, json.dumps(names)))
            await connection.execute("COMMIT")

        loaded = await timed(partial(write, "SELECT ?, ?", into, refer), rows, time.process_time)
        update = partial(write, history, UPDATE.replace("$", "?"), "SELECT ?, ?")
        return loaded, await timed(update, changed(rows, 2), time.process_time)


def keys(chunk: Sequence[Row]) -> tuple[Any, list[str]]:
    """Returns the service and the names of a chunk."""
    return chunk[0][0], [row[1] for row in chunk]


async def timed(
    write: Callable[[Sequence[Row]], Awaitable[None]], rows: Sequence[Row], cpu: Callable[[], float]
) -> Rate:
    began, spent = time.perf_counter(), cpu()
    for chunk in chunks(rows):
        await write(chunk)
    return Rate(len(rows) / (time.perf_counter() - began), 1e6 * (cpu() - spent) / len(rows))


async def in_rounds(measures: dict[str, Callable[[], Awaitable[Any]]]) -> dict[str, list[tuple[Rate, ...]]]:
    """Runs all measurements in turn, several times, so that other load on the machine affects all of them equally."""
    found: dict[str, list[tuple[Rate, ...]]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            rates = await measure()
            found[name].append((rates,) if isinstance(rates, Rate) else rates)
    return found


def show_rates(title: str, found: dict[str, list[tuple[Rate, ...]]]) -> None:
    """Prints the best of all rounds, its ratio to the first measurement, and the least processor time."""
    print(f"\n{title}: rows per second, share of bare, microseconds of processor time per row", flush=True)
    bare = max(rates[0].rows for rates in next(iter(found.values())))
    for name, rounds in found.items():
        best = [
            (max(rate.rows for rate in rates), min(rate.cpu for rate in rates)) for rates in zip(*rounds, strict=True)
        ]
        print(f"  {name:58}", " | ".join(f"{rows:7,.0f} {rows / bare:5.2f} {cpu:6.1f}" for rows, cpu in best))


async def measure_writes(server: PostgresServer, folder: Path) -> None:
    rows = {version: list(dashboards(WRITTEN, [1], version)) for version in (4, 7)}
    connection = await asyncpg.connect(host=str(server.folder), user="postgres")
    writer, bare = Writer(server, connection), LAYOUTS[0]
    for version in (7, 4):
        found = await in_rounds({x.label: partial(writer.load, x, rows[version]) for x in LAYOUTS})
        show_rates(f"PostgreSQL, first load by COPY, UUID version {version}", found)
    measures: dict[str, Callable[[], Awaitable[Any]]] = {
        "bare, COPY": partial(writer.load, bare, rows[7]),
        "bare, executemany": partial(writer.load_by_sqlalchemy, bare, rows[7]),
        "chosen, executemany": partial(writer.load_by_sqlalchemy, LAYOUTS[-1], rows[7]),
        **{x.label: partial(writer.update, x, rows[7]) for x in UPDATED},
    }
    show_rates("PostgreSQL, executemany; every row changed, history, twice", await in_rounds(measures))
    await connection.close()
    for version in (7, 4):
        kept = [for_sqlite(row) for row in rows[version]]
        found = await in_rounds({x.label: partial(write_sqlite, folder, x, kept) for x in SQLITE_LAYOUTS})
        show_rates(f"SQLite, first load; every row changed, history; UUID version {version}", found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storage_shape", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="dashboards that PostgreSQL lists; SQLite a tenth")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--write", action="store_true", help="measure only writing")
    only.add_argument("--read", action="store_true", help="measure only reading")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="storage-shape-") as name, postgres_server(**SETTINGS) as server:
        if not arguments.read:
            asyncio.run(measure_writes(server, Path(name)))
        if not arguments.write:
            asyncio.run(storage_lists.measure(server, Path(name), arguments.rows))


if __name__ == "__main__":
    main()
