"""Statements that go to the driver without SQLAlchemy: what SQLAlchemy does for the others holds for them, too."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import bindparam, select, text, union_all

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import ReadConnection, WriteConnection, driver_of
from dashboard_catalog.store.database import Database, TimeLimits
from dashboard_catalog.store.driver_errors import Refused
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.records import CATALOG_ID
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.sqlite_driver import SqliteDriver
from dashboard_catalog.store.tables import SERVICE_SEQUENCE
from tests.patience import PATIENCE
from tests.postgres import PostgresServer
from tests.store.database_work import check_unavailable, rows, statements

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

INSERT = FixedStatement(text("INSERT INTO t VALUES (:a, :b)").bindparams(bindparam("a"), bindparam("b")))
ALL = FixedStatement(text("SELECT * FROM t"))
LONG = {
    "postgresql": FixedStatement(text("SELECT pg_sleep(600)")),
    "sqlite": FixedStatement(
        text("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
    ),
}


async def _all(connection: ReadConnection) -> list[Sequence[Any]]:
    return [tuple(row) for row in await connection.fetch(ALL)]


async def _two_drivers(database: Database) -> set[Any]:
    """Returns the drivers of two connections of the pool of readers, which are idle again."""
    async with database.read() as one, database.read() as other:
        await _all(one)
        await _all(other)
        return {driver_of(one._connection), driver_of(other._connection)}


async def test_parameters_are_converted_once_or_for_each_place_and_values_of_the_statement_stay(
    database: Database,
) -> None:
    c = SERVICE_SEQUENCE.c
    one = select(c.service_id, c.last_change).where(c.service_id == CATALOG_ID, c.last_change >= bindparam("least"))
    other = select(c.service_id, c.last_change).where(
        any_of(c.service_id, bindparam("ids", type_=UUID_LIST)), c.last_change >= bindparam("least")
    )
    reader = Reader[Sequence[Any]]((c.service_id, c.last_change))
    statement = FixedStatement(union_all(one, other))

    async def work(connection: WriteConnection) -> list[Sequence[Any]]:
        parameters = {"least": 0, "ids": [CATALOG_ID, UUID(int=5)]}
        return [tuple(row) for row in await reader.all(connection, statement, parameters)]

    assert await database.write(work) == [(CATALOG_ID, 0)] * 2


async def test_a_transaction_that_begins_with_a_fixed_statement_is_undone_as_a_whole(database: Database) -> None:
    async def work(connection: WriteConnection) -> None:
        await connection.fetch(INSERT, {"a": 1, "b": 1})
        await connection.run(INSERT, [{"a": 2, "b": 2}, {"a": 3, "b": None}])
        assert await _all(connection) == [(1, 1), (2, 2), (3, None)]
        raise CatalogError(Reason.NOT_FOUND, "refused")

    with pytest.raises(CatalogError, match="refused"):
        await database.write(work)
    assert await rows(database) == []


async def _refused_in_savepoint(connection: WriteConnection) -> None:
    async with connection.savepoint():
        await connection.run(INSERT, {"a": 2, "b": 2})
        await connection.run(INSERT, {"a": 1, "b": 3})


async def test_a_savepoint_undoes_fixed_statements(database: Database) -> None:
    async def work(connection: WriteConnection) -> None:
        await connection.run(INSERT, {"a": 1, "b": 1})
        with pytest.raises(Refused):
            await _refused_in_savepoint(connection)
        await connection.run(INSERT, {"a": 4, "b": 4})

    await database.write(work)
    assert await rows(database) == [(1, 1), (4, 4)]


async def test_a_key_that_is_taken_is_a_lost_race(database: Database) -> None:
    await database.write(statements("INSERT INTO t VALUES (1, 0)"))
    with pytest.raises(CatalogError) as raised:
        await database.write(lambda connection: connection.fetch(INSERT, {"a": 1, "b": 1}))
    check_unavailable(raised.value, Reason.CONFLICTING_WRITE)


async def test_the_connection_of_a_cancelled_caller_is_dropped(database: Database) -> None:
    before = await _two_drivers(database)

    async def wait() -> None:
        async with database.read() as connection:
            running.set()
            await connection.fetch(LONG[connection.dialect.name])

    running = asyncio.Event()
    waiting = asyncio.create_task(wait())
    await running.wait()
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if database.is_sqlite:
        database._source.interrupt()

    assert len(before & await _two_drivers(database)) == 1


@ON_POSTGRESQL
async def test_a_connection_that_is_killed_is_unavailable_and_another_one_works(database: Database) -> None:
    kill = FixedStatement(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async def end(opened: AbstractAsyncContextManager[ReadConnection]) -> None:
        async with opened as connection:
            await connection.fetch(ALL)
            await connection.fetch(kill)

    for opened in (database.read(), database.read_transaction()):
        with pytest.raises(CatalogError) as raised:
            await end(opened)
        check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
        assert await rows(database) == []


@ON_POSTGRESQL
async def test_a_connection_that_was_closed_before_a_statement_is_unavailable(database: Database) -> None:
    async def read() -> None:
        async with database.read() as connection:
            driver_of(connection._connection).terminate()
            await connection.fetch(ALL)

    with pytest.raises(CatalogError) as raised:
        await read()
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    assert await rows(database) == []


async def test_connections_are_replaced_after_an_error_that_makes_all_of_them_useless(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await _two_drivers(database)
    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "fetch", _fails_read_only)
        patched.setattr(SqliteDriver, "fetch", _fails_on_the_disk)
        with pytest.raises(CatalogError) as raised:
            async with database.read() as connection:
                await _all(connection)
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    assert database.doubted.is_set()

    assert not before & await _two_drivers(database)


async def _fails_read_only(*_: object) -> None:
    raise asyncpg.ReadOnlySQLTransactionError("no")


async def _fails_on_the_disk(*_: object) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR"
    raise error


@ON_POSTGRESQL
async def test_a_statement_that_was_prepared_before_its_table_changed_runs(
    database: Database, database_url: str, postgres: PostgresServer
) -> None:
    name = database_url.partition("@/")[2].partition("?")[0]

    async def work(connection: WriteConnection) -> list[Sequence[Any]]:
        await connection.execute(text("SELECT 1"))
        return await _all(connection)

    async def read() -> list[Sequence[Any]]:
        async with database.read() as connection:
            return await _all(connection)

    await database.write(statements("INSERT INTO t VALUES (1, 0)"))
    assert await read() == await database.write(work) == [(1, 0)]
    await asyncio.to_thread(postgres.execute, "ALTER TABLE t ADD COLUMN c integer", database=name)
    assert await database.write(work) == [(1, 0, None)]
    await asyncio.to_thread(postgres.execute, "ALTER TABLE t DROP COLUMN c", database=name)
    assert await read() == [(1, 0)]


@ON_POSTGRESQL
async def test_behind_pgbouncer_everything_goes_through_sqlalchemy(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(asyncpg.Connection, "fetch")
    monkeypatch.delattr(asyncpg.Connection, "executemany")
    pooled = Database(f"{database_url}&pgbouncer=true", pool_size=1)

    async def work(connection: WriteConnection) -> None:
        await connection.execute(text("SELECT 1"))
        await connection.run(INSERT, {"a": 1, "b": 1})

    await pooled.write(work)
    async with pooled.read() as connection:
        assert await _all(connection) == [(1, 1)]
    await pooled.close()
    assert await rows(database) == [(1, 1)]


async def test_a_fixed_statement_that_takes_too_long_is_unavailable(database_url: str) -> None:
    database = Database(database_url, limits=TimeLimits(statement=0.2))
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(CatalogError) as raised:
            async with database.read() as connection:
                await connection.fetch(LONG[connection.dialect.name])
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    await database.close()
