"""What crosses to the thread of a SQLite connection, when it does, and what its errors mean then."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import locks, sqlite_driver
from dashboard_catalog.store.connections import ReadConnection, WriteConnection, driver_of
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.driver_errors import Refused
from dashboard_catalog.store.records import CATALOG_ID
from dashboard_catalog.store.sqlite_driver import SqliteDriver
from tests.store.database_work import Work, rows

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

INSERT = text("INSERT INTO t VALUES (:a, 0)")


@pytest.fixture
async def sent(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The first words of the statements of each crossing that somebody waits for."""
    crossings: list[list[str]] = []
    in_thread = SqliteDriver._in_thread

    async def noted(driver: SqliteDriver, function: Callable[..., Any]) -> Any:
        crossings.append([statement.sql.split()[0] for statement in driver._unsent])
        return await in_thread(driver, function)

    # Opens the connections.
    await rows(database)
    monkeypatch.setattr(SqliteDriver, "_in_thread", noted)
    return crossings


def keeping(*keys: int | str) -> Work:
    """Returns work that inserts rows and reads nothing. The database refuses a text."""

    async def work(connection: WriteConnection) -> None:
        for key in keys:
            await connection.run(INSERT, {"a": key})

    return work


def driver(connection: ReadConnection) -> SqliteDriver:
    """Returns the driver below a transaction."""
    found: SqliteDriver = driver_of(connection._connection)
    return found


async def test_a_read_crosses_once_per_statement(database: Database, sent: list[list[str]]) -> None:
    async with database.read() as connection:
        for _ in range(2):
            assert await locks.last_change(connection, CATALOG_ID) == 0
    assert sent == [["BEGIN", "SELECT"], ["SELECT"]]


async def test_writes_cross_with_the_next_statement_that_answers_or_with_the_commit(
    database: Database, sent: list[list[str]]
) -> None:
    async def work(connection: WriteConnection) -> list[int]:
        await keeping(1, 2)(connection)
        found = (await connection.execute(text("SELECT a FROM t ORDER BY a"))).scalars()
        await keeping(3, 4)(connection)
        return list(found)

    assert await database.write(work) == [1, 2]
    assert sent == [["BEGIN", "INSERT", "INSERT", "SELECT"], ["INSERT", "INSERT"]]
    assert await rows(database) == [(1, 0), (2, 0), (3, 0), (4, 0)]


async def test_many_rows_are_not_kept_in_memory(
    database: Database, sent: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_driver, "_MOST_KEPT_ROWS", 6)

    async def work(connection: WriteConnection) -> None:
        for first in range(0, 16, 4):
            await connection.run_rows("INSERT INTO t VALUES (?, 0)", [(first + a,) for a in range(4)])

    await database.write(work)
    assert sent == [["BEGIN", "INSERT", "INSERT"], ["INSERT", "INSERT"], []]
    assert len(await rows(database)) == 16


async def test_an_error_of_what_crosses_with_the_commit_leaves_nothing(database: Database, tmp_path: Path) -> None:
    await database.write(keeping(1))
    for keys in ((2, "text"), ("text", 2)):
        with pytest.raises(CatalogError) as raised:
            await database.write(keeping(*keys))
        assert raised.value.reason is Reason.DATABASE_REFUSED
        # Somebody else can write at once.
        with closing(sqlite3.connect(tmp_path / "catalog.db", timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        assert await rows(database) == [(1, 0)]
    await database.write(keeping(2))
    assert await rows(database) == [(1, 0), (2, 0)]


async def test_a_savepoint_ends_with_what_was_kept_in_it(database: Database) -> None:
    async def work(connection: WriteConnection) -> None:
        await keeping(1)(connection)
        with pytest.raises(Refused):
            async with connection.savepoint():
                await keeping(2, 1)(connection)
        with suppress(ZeroDivisionError):
            async with connection.savepoint():
                await keeping(1)(connection)
                raise ZeroDivisionError
        async with connection.savepoint():
            await keeping(3)(connection)
        await keeping(4)(connection)

    await database.write(work)
    assert await rows(database) == [(1, 0), (3, 0), (4, 0)]


async def test_a_transaction_that_could_not_be_rolled_back_does_not_leak_into_the_next(
    database: Database,
) -> None:
    async def work(connection: WriteConnection) -> None:
        await connection.execute(INSERT, {"a": 1})
        opened: Any = driver(connection)._connection
        rollback = opened.rollback

        def failing() -> None:
            opened.rollback = rollback
            raise sqlite3.OperationalError

        opened.rollback = failing
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(work)
    isolated: list[bool] = []

    async def following(connection: WriteConnection) -> None:
        isolated.append(connection.isolates)
        await keeping(2)(connection)

    await database.write(following)
    assert await rows(database) == [(2, 0)]
    assert isolated == [False]
