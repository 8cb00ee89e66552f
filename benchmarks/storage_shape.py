"""Measures how references of assets are best stored and lists are best read: docs/decisions/0001 has the outcome.

It knows nothing of the catalog's own code: tables and statements stand here in every shape that was considered, so
that the choice can be made again.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
from sqlalchemy import column, insert, table
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks import storage_lists
from benchmarks.storage_lists import sqlite
from benchmarks.storage_rows import (
    COLUMNS,
    FIXED,
    LAYOUTS,
    NAMES,
    SQLITE_LAYOUTS,
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

ROUNDS = 3
SETTINGS = {
    "shared_buffers": "512MB", "max_wal_size": "4GB", "work_mem": "32MB", "maintenance_work_mem": "512MB",
    "effective_cache_size": "4GB", "random_page_cost": "1.1", "log_checkpoints": "off",
}  # fmt: skip


async def load(connection: Any, layout: Layout, rows: Sequence[Row]) -> float:
    """Copies rows into a layout; returns rows a second."""
    for statement in (*postgresql_tables(layout), *postgresql_indexes(layout), "CHECKPOINT"):
        await connection.execute(statement)
    refer = postgresql_references(layout, "d.service_id = $1 AND d.name = ANY ($2)") if layout.references else ""
    began = time.perf_counter()
    for chunk in chunks(rows):
        async with connection.transaction():
            await connection.copy_records_to_table("dashboard", records=chunk)
            if refer:
                await connection.execute(refer, chunk[0][0], [row[1] for row in chunk])
    return len(rows) / (time.perf_counter() - began)


async def load_by_sqlalchemy(server: PostgresServer, connection: Any, layout: Layout, rows: Sequence[Row]) -> float:
    """Inserts rows into a layout by executemany, its references as `load` does."""
    for statement in (*postgresql_tables(layout), *postgresql_indexes(layout), "CHECKPOINT"):
        await connection.execute(statement)
    refer = postgresql_references(layout, "d.service_id = $1 AND d.name = ANY ($2)") if layout.references else ""
    into = insert(table("dashboard", *map(column, COLUMNS)))
    engine = create_async_engine(server.url())
    began = time.perf_counter()
    for chunk in chunks(rows):
        async with engine.begin() as session:
            await session.execute(into, [dict(zip(COLUMNS, row, strict=True)) for row in chunk])
            if refer:
                await session.exec_driver_sql(refer, (chunk[0][0], [row[1] for row in chunk]))
    taken = time.perf_counter() - began
    await engine.dispose()
    return len(rows) / taken


async def update(connection: Any, layout: Layout, rows: Sequence[Row]) -> tuple[float, float]:
    """Loads, then gives every row two new versions; returns rows a second of each."""
    await load(connection, layout, rows)
    await connection.execute("ANALYZE")
    setting = ", ".join(f"{name} = ${place + 1}" for place, name in enumerate(COLUMNS) if name not in FIXED)
    statement = f"UPDATE dashboard SET {setting} WHERE service_id = $1 AND name = $2 AND id = $3"
    history = (
        f"INSERT INTO dashboard_history ({NAMES}) SELECT {NAMES} FROM dashboard"
        " WHERE service_id = $1 AND name = ANY ($2)"
    )
    rates = []
    for edition in (2, 3):
        rows = changed(rows, edition)
        await connection.execute("CHECKPOINT")
        began = time.perf_counter()
        for chunk in chunks(rows):
            async with connection.transaction():
                await connection.execute(history, chunk[0][0], [row[1] for row in chunk])
                await connection.executemany(statement, chunk)
        rates.append(len(rows) / (time.perf_counter() - began))
    return rates[0], rates[1]


async def write_sqlite(folder: Path, layout: Layout, rows: Sequence[Row]) -> tuple[float, float]:
    """Loads rows, then gives each a new version; returns rows a second of both."""
    into = f"INSERT INTO dashboard VALUES ({', '.join('?' * len(COLUMNS))})"
    setting = ", ".join(f"{name} = ?{place + 1}" for place, name in enumerate(COLUMNS) if name not in FIXED)
    some = "service_id = ? AND name IN (SELECT value FROM json_each(?))"
    async with sqlite(folder / "written.db", sqlite_tables(layout)) as connection:

        async def run(statement: str, before: str, rows: Sequence[Row], after: str) -> float:
            began = time.perf_counter()
            for chunk in chunks(rows):
                keys = (chunk[0][0], json.dumps([row[1] for row in chunk]))
                await connection.execute("BEGIN IMMEDIATE")
                if before:
                    await connection.execute(before, keys)
                await connection.executemany(statement, chunk)
                if after:
                    await connection.execute(after, keys)
                await connection.execute("COMMIT")
            return len(rows) / (time.perf_counter() - began)

        refer = sqlite_references(layout, f"d.{some.replace('name', 'd.name')}") if layout.references else ""
        loaded = await run(into, "", rows, refer)
        history = f"INSERT INTO dashboard_history SELECT {NAMES} FROM dashboard WHERE {some}"
        statement = f"UPDATE dashboard SET {setting} WHERE service_id = ?1 AND name = ?2 AND id = ?3"
        return loaded, await run(statement, history, changed(rows, 2), "")


async def in_rounds(measures: dict[str, Callable[[], Awaitable[Any]]]) -> dict[str, list[Any]]:
    """Runs all measures in turn, several times, so that what else the machine does touches all alike."""
    found: dict[str, list[Any]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            found[name].append(await measure())
    return found


def show_rates(title: str, found: dict[str, list[Any]], bare: float) -> None:
    print(f"\n{title}, rows a second, share of bare, microseconds a row beyond bare")
    for name, rates in found.items():
        columns = list(zip(*rates, strict=True)) if isinstance(rates[0], tuple) else [rates]
        shown = [f"{median(c):7,.0f} {median(c) / bare:5.2f} {1e6 / median(c) - 1e6 / bare:6.1f}" for c in columns]
        print(f"  {name:50}", "   ".join(shown))


async def measure_writes(server: PostgresServer, folder: Path) -> None:
    rows = {version: list(dashboards(WRITTEN, [1], version)) for version in (4, 7)}
    connection = await asyncpg.connect(host=str(server.folder), user="postgres")
    for version in (7, 4):
        found = await in_rounds({x.label: partial(load, connection, x, rows[version]) for x in LAYOUTS})
        show_rates(f"PostgreSQL, first load by COPY, UUID version {version}", found, median(found[LAYOUTS[0].label]))
    bare = LAYOUTS[0]
    many = partial(load_by_sqlalchemy, server, connection)
    measures: dict[str, Callable[[], Awaitable[Any]]] = {
        "bare, COPY": partial(load, connection, bare, rows[7]),
        **{f"{x.label}, executemany": partial(many, x, rows[7]) for x in (bare, LAYOUTS[-1])},
        **{x.label: partial(update, connection, x, rows[7]) for x in UPDATED},
    }
    found = await in_rounds(measures)
    title = "PostgreSQL, executemany; every row changed, with history, first and second time"
    show_rates(title, found, median(found["bare, COPY"]))
    await connection.close()
    for version in (7, 4):
        kept = [for_sqlite(row) for row in rows[version]]
        found = await in_rounds({x.label: partial(write_sqlite, folder, x, kept) for x in SQLITE_LAYOUTS})
        first = median(rate for rate, _ in found[bare.label])
        show_rates(f"SQLite, first load; every row changed, with history, UUID version {version}", found, first)


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
