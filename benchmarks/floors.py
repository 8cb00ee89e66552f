"""The floors: the shortest program that writes the same rows.

*bare*: into one table with a primary key. *same*: into the catalog's own tables, with their indexes and the rows
for searching. The rows are those that the catalog has stored, in transactions of the same size.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import make_url

from benchmarks import processor
from dashboard_catalog.store import migrate
from tests.postgres import PostgresServer

ROUNDS = 3
_DATABASE = "floor"
# In the order of their assets.
_REFERENCES = "SELECT r.* FROM {0}_reference AS r JOIN {0} AS a USING (service_id, name) ORDER BY a.id"

Row = tuple[Any, ...]


class Floor(NamedTuple):
    """The cost of writing the rows.

    Attributes:
        seconds: Elapsed time.
        program: Processor time of the writing program.
        database: Processor time of the database's processes; zero for SQLite, which runs in the program.
    """

    rows: int
    seconds: float
    program: float
    database: float


class Floors(NamedTuple):
    """The two floors of a table."""

    bare: Floor
    same: Floor


def on_postgresql(server: PostgresServer, database: str, table: str, chunk: int) -> Floors:
    """Copies the assets of a table in `database` into tables of another database on the server."""
    server.execute(f"CREATE DATABASE {_DATABASE}")
    try:
        migrate.upgrade(server.url(_DATABASE))
        return asyncio.run(_on_postgresql(server, database, table, chunk))
    finally:
        server.execute(f"DROP DATABASE {_DATABASE}")


async def _on_postgresql(server: PostgresServer, database: str, table: str, chunk: int) -> Floors:
    source = await _connect(server, database)
    assets = [tuple(row) for row in await source.fetch(f"SELECT * FROM {table} ORDER BY id")]
    references = [tuple(row) for row in await source.fetch(_REFERENCES.format(table))]
    await source.close()
    target = await _connect(server, _DATABASE)
    await target.execute(f"CREATE TABLE bare (LIKE {table}, PRIMARY KEY (service_id, name))")

    async def copied(*tables: tuple[str, list[Row]]) -> Floor:
        chunks = list(zip(*(_chunks(rows, chunk * len(rows) // len(assets)) for _, rows in tables), strict=True))
        await target.execute(f"TRUNCATE {', '.join(name for name, _ in tables)}")
        clock = _Clock(processor.postmaster_of(server))
        for some in chunks:
            async with target.transaction():
                for (name, _), rows in zip(tables, some, strict=True):
                    await target.copy_records_to_table(name, records=rows)
        return clock.stop(len(assets))

    real = (table, assets), (f"{table}_reference", references)
    floors = Floors(
        _median([await copied(("bare", assets)) for _ in range(ROUNDS)]),
        _median([await copied(*real) for _ in range(ROUNDS)]),
    )
    await target.close()
    return floors


async def _connect(server: PostgresServer, database: str) -> Any:
    return await asyncpg.connect(host=str(server.folder), user="postgres", database=database)


def on_sqlite(database_url: str, table: str, chunk: int, folder: Path) -> Floors:
    """Writes the assets of a table in the catalog's file into the same table of other files."""
    with closing(sqlite3.connect(make_url(database_url).database or "")) as source:
        assets = source.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
        references = source.execute(_REFERENCES.format(table)).fetchall()
        query = "SELECT sql FROM sqlite_master WHERE tbl_name IN (?, ?) AND sql IS NOT NULL ORDER BY type DESC, name"
        bare, *rest = [sql for (sql,) in source.execute(query, [table, f"{table}_reference"])]

    def written(statements: Sequence[str], *tables: tuple[str, list[Row]]) -> Floor:
        chunks = list(zip(*(_chunks(rows, chunk * len(rows) // len(assets)) for _, rows in tables), strict=True))
        file = folder / "floor.db"
        file.unlink(missing_ok=True)
        with closing(sqlite3.connect(file, isolation_level=None)) as target:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", *statements):
                target.execute(statement)
            clock = _Clock(None)
            for some in chunks:
                target.execute("BEGIN")
                for (name, _), rows in zip(tables, some, strict=True):
                    target.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
                target.execute("COMMIT")
            return clock.stop(len(assets))

    real = (table, assets), (f"{table}_reference", references)
    return Floors(
        _median([written([bare], (table, assets)) for _ in range(ROUNDS)]),
        _median([written([bare, *rest], *real) for _ in range(ROUNDS)]),
    )


class _Clock:
    def __init__(self, database: int | None) -> None:
        self._database = database
        self._began = time.perf_counter(), time.process_time(), self._database_seconds()

    def stop(self, rows: int) -> Floor:
        now = time.perf_counter(), time.process_time(), self._database_seconds()
        seconds, program, database = (end - start for end, start in zip(now, self._began, strict=True))
        return Floor(rows, seconds, program, database)

    def _database_seconds(self) -> float:
        return processor.seconds_of_tree(self._database) if self._database else 0.0


def _chunks(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _median(floors: Sequence[Floor]) -> Floor:
    return sorted(floors, key=lambda floor: floor.seconds)[len(floors) // 2]
