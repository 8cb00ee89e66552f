"""The floors: the shortest program that writes the same rows.

*bare*: into one table with a primary key. *same*: into the catalog's own tables, with their indexes and the rows
for searching. The rows are those that the catalog has stored last, in transactions of the same size.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import make_url

from benchmarks import processor
from benchmarks.recorder import Measure, Size
from dashboard_catalog.store import migrate
from tests.postgres import PostgresServer

_DATABASE = "floor"
# One writing takes a tenth of a second, in which anything can happen. The median counts.
_WRITINGS = 3
# Ids are in the order of time.
_LAST = "SELECT * FROM (SELECT * FROM {0} ORDER BY id DESC LIMIT {1}) AS a ORDER BY id"
_REFERENCES = """
    SELECT r.* FROM {0}_reference AS r JOIN (SELECT * FROM {0} ORDER BY id DESC LIMIT {1}) AS a USING (service_id, name)
    ORDER BY a.id
"""

Row = tuple[Any, ...]
Floors = Callable[[str], Sequence[Measure]]
"""Measures both floors of a table, `dashboard` or `chart`."""


def on_postgresql(server: PostgresServer, database: str, size: Size) -> Floors:
    """Returns the floors of a database; the same rows go into another one on the server, which this creates."""
    server.execute(f"CREATE DATABASE {_DATABASE}")
    migrate.upgrade(server.url(_DATABASE))
    return lambda table: asyncio.run(_on_postgresql(server, database, table, size))


async def _on_postgresql(server: PostgresServer, database: str, table: str, size: Size) -> list[Measure]:
    source = await _connect(server, database)
    assets = [tuple(row) for row in await source.fetch(_LAST.format(table, size.items))]
    references = [tuple(row) for row in await source.fetch(_REFERENCES.format(table, size.items))]
    await source.close()
    target = await _connect(server, _DATABASE)
    await target.execute(f"CREATE TABLE IF NOT EXISTS bare_{table} (LIKE {table}, PRIMARY KEY (service_id, name))")

    async def copied(floor: str, *tables: tuple[str, list[Row]]) -> Measure:
        transactions = _transactions(tables, size.chunk)
        await target.execute(f"TRUNCATE {', '.join(name for name, _ in tables)}")
        clock = _Clock(processor.postmaster_of(server))
        for some in transactions:
            async with target.transaction():
                for name, rows in some:
                    await target.copy_records_to_table(name, records=rows)
        return clock.stop("PostgreSQL", f"{floor}: {table}s", len(assets))

    real = (table, assets), (f"{table}_reference", references)
    bare = [await copied("bare", (f"bare_{table}", assets)) for _ in range(_WRITINGS)]
    same = [await copied("same", *real) for _ in range(_WRITINGS)]
    await target.close()
    return [_median(bare), _median(same)]


async def _connect(server: PostgresServer, database: str) -> Any:
    return await asyncpg.connect(host=str(server.folder), user="postgres", database=database)


def on_sqlite(database_url: str, folder: Path, size: Size) -> Floors:
    """Returns the floors of a file; the same rows go into other files in a folder."""
    return lambda table: _on_sqlite(make_url(database_url).database or "", folder, table, size)


def _on_sqlite(database: str, folder: Path, table: str, size: Size) -> list[Measure]:
    with closing(sqlite3.connect(database)) as source:
        assets = source.execute(_LAST.format(table, size.items)).fetchall()
        references = source.execute(_REFERENCES.format(table, size.items)).fetchall()
        query = "SELECT sql FROM sqlite_master WHERE tbl_name IN (?, ?) AND sql IS NOT NULL ORDER BY type DESC, name"
        bare, *rest = [sql for (sql,) in source.execute(query, [table, f"{table}_reference"])]

    def written(floor: str, statements: Sequence[str], *tables: tuple[str, list[Row]]) -> Measure:
        transactions = _transactions(tables, size.chunk)
        file = folder / "floor.db"
        file.unlink(missing_ok=True)
        with closing(sqlite3.connect(file, isolation_level=None)) as target:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", *statements):
                target.execute(statement)
            clock = _Clock(None)
            for some in transactions:
                target.execute("BEGIN")
                for name, rows in some:
                    target.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
                target.execute("COMMIT")
            return clock.stop("SQLite", f"{floor}: {table}s", len(assets))

    real = (table, assets), (f"{table}_reference", references)
    return [
        _median([written("bare", [bare], (table, assets)) for _ in range(_WRITINGS)]),
        _median([written("same", [bare, *rest], *real) for _ in range(_WRITINGS)]),
    ]


def _median(measures: Sequence[Measure]) -> Measure:
    return sorted(measures, key=lambda measure: measure.seconds)[len(measures) // 2]


class _Clock:
    """Measures this program, and the database's processes if it has any."""

    def __init__(self, database: int | None) -> None:
        self._database = database
        self._began = time.perf_counter(), time.process_time(), self._database_seconds()

    def stop(self, database: str, work: str, rows: int) -> Measure:
        now = time.perf_counter(), time.process_time(), self._database_seconds()
        seconds, program, stored = (end - start for end, start in zip(now, self._began, strict=True))
        return Measure(database, work, rows, seconds, (program, 0, stored))

    def _database_seconds(self) -> float:
        return processor.seconds_of_tree(self._database) if self._database else 0.0


def _transactions(tables: Sequence[tuple[str, list[Row]]], chunk: int) -> Sequence[Sequence[tuple[str, Sequence[Row]]]]:
    """Returns the rows of each transaction by table. The first table has `chunk` rows in each but the last."""
    count = -(-len(tables[0][1]) // chunk)
    divided = ([(name, some) for some in parts(rows, count)] for name, rows in tables)
    return list(zip(*divided, strict=True))


def parts(rows: Sequence[Row], count: int) -> Iterator[Sequence[Row]]:
    """Yields rows in a number of parts of almost the same size."""
    for number in range(count):
        yield rows[len(rows) * number // count : len(rows) * (number + 1) // count]
