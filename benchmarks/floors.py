"""The floors: the same rows, written by the shortest program there is.

*bare*: into one table with a primary key. *same*: into the catalog's own table, with its indexes. The rows are those
that the catalog has stored, in transactions of the same size.
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

Row = tuple[Any, ...]


class Floor(NamedTuple):
    """What writing the rows took.

    Attributes:
        seconds: On the clock.
        program: Processor time of the program that writes.
        database: Processor time of the database's processes; zero for SQLite, which is in the program.
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
    """Copies the rows of a table of `database` into the tables of another database of the server."""
    server.execute(f"CREATE DATABASE {_DATABASE}")
    try:
        migrate.upgrade(server.url(_DATABASE))
        return asyncio.run(_on_postgresql(server, database, table, chunk))
    finally:
        server.execute(f"DROP DATABASE {_DATABASE}")


async def _on_postgresql(server: PostgresServer, database: str, table: str, chunk: int) -> Floors:
    source = await _connect(server, database)
    rows = [tuple(row) for row in await source.fetch(f"SELECT * FROM {table}")]
    await source.close()
    target = await _connect(server, _DATABASE)
    await target.execute(f"CREATE TABLE bare (LIKE {table}, PRIMARY KEY (service_id, name))")

    async def copied(name: str) -> Floor:
        await target.execute(f"TRUNCATE {name}")
        clock = _Clock(processor.postmaster_of(server))
        for some in _chunks(rows, chunk):
            await target.copy_records_to_table(name, records=some)
        return clock.stop(len(rows))

    floors = Floors(
        _middle([await copied("bare") for _ in range(ROUNDS)]),
        _middle([await copied(table) for _ in range(ROUNDS)]),
    )
    await target.close()
    return floors


async def _connect(server: PostgresServer, database: str) -> Any:
    return await asyncpg.connect(host=str(server.folder), user="postgres", database=database)


def on_sqlite(database_url: str, table: str, chunk: int, folder: Path) -> Floors:
    """Writes the rows of a table of the catalog's file into files with the same table, bare and with its indexes."""
    with closing(sqlite3.connect(make_url(database_url).database or "")) as source:
        rows = source.execute(f"SELECT * FROM {table}").fetchall()
        query = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type DESC"
        bare, *indexes = [sql for (sql,) in source.execute(query, [table])]
    insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})"

    def written(statements: Sequence[str]) -> Floor:
        file = folder / "floor.db"
        file.unlink(missing_ok=True)
        with closing(sqlite3.connect(file, isolation_level=None)) as target:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", *statements):
                target.execute(statement)
            clock = _Clock(None)
            for some in _chunks(rows, chunk):
                target.execute("BEGIN")
                target.executemany(insert, some)
                target.execute("COMMIT")
            return clock.stop(len(rows))

    return Floors(
        _middle([written([bare]) for _ in range(ROUNDS)]),
        _middle([written([bare, *indexes]) for _ in range(ROUNDS)]),
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


def _middle(floors: Sequence[Floor]) -> Floor:
    return sorted(floors, key=lambda floor: floor.seconds)[len(floors) // 2]
