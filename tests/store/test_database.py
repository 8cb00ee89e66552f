"""What the drivers of both databases raise, and what becomes of it: run again, UNAVAILABLE, or a bug that passes."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from dashboard_catalog.errors import CatalogError, Code, Reason
from dashboard_catalog.store import database as database_module
from dashboard_catalog.store.assets import CHARTS
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CATALOG_ID, ChartRecord
from tests.postgres import PostgresServer

Work = Callable[[AsyncConnection], Awaitable[Any]]

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with a table `t` of its own."""
    database = Database(database_url, pool_size=3)
    await database.write(_statements("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)"))
    yield database
    await database.close()


def _statements(*statements: str) -> Work:
    async def work(connection: AsyncConnection) -> None:
        for statement in statements:
            await connection.execute(text(statement))

    return work


def _raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'the text' USING ERRCODE = '{state}'; END $$"


async def _rows(database: Database) -> list[tuple[int, int]]:
    async with database.read() as connection:
        return [(row.a, row.b) for row in await connection.execute(text("SELECT a, b FROM t ORDER BY a"))]


def _check_unavailable(error: CatalogError, reason: Reason) -> None:
    assert (error.code, error.reason) == (Code.UNAVAILABLE, reason)
    assert error.retry_after
    assert "the text" not in error.message


async def test_what_was_done_is_committed_or_nothing_of_it(database: Database) -> None:
    await database.write(_statements("INSERT INTO t VALUES (1, 1)"))
    refused = CatalogError(Reason.NOT_FOUND, "refused")

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (2, 2)"))
        raise refused

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    assert raised.value is refused
    assert await _rows(database) == [(1, 1)]


async def test_a_lost_race_for_a_key_is_run_again(database: Database) -> None:
    await database.write(_statements("INSERT INTO t VALUES (1, 1)"))
    tries: list[int] = []

    async def work(connection: AsyncConnection) -> int:
        tries.append(len(tries) + 1)
        await connection.execute(text("INSERT INTO t VALUES (:a, 0)"), {"a": 5})
        await connection.execute(text("INSERT INTO t VALUES (:a, 0)"), {"a": 1 if len(tries) < 3 else 2})
        return tries[-1]

    assert await database.write(work) == 3
    assert await _rows(database) == [(1, 1), (2, 0), (5, 0)]


async def test_a_race_that_is_lost_every_time_is_unavailable(database: Database) -> None:
    await database.write(_statements("INSERT INTO t VALUES (1, 1)"))
    tries = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute(text("INSERT INTO t VALUES (1, 2)"))

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    _check_unavailable(raised.value, Reason.CONFLICTING_WRITE)
    assert 3 <= tries <= 10


async def test_a_mistake_is_neither_run_again_nor_taken_for_a_database_that_is_away(database: Database) -> None:
    for statement in ("SELECT nothing FROM t", "SELECT 1 FROM nowhere", "INSERT INTO t VALUES (1, 2, 3)", "SELEC"):
        tries = 0

        async def work(connection: AsyncConnection, statement: str = statement) -> None:
            nonlocal tries
            tries += 1
            await connection.execute(text(statement))

        with pytest.raises(DBAPIError):
            await database.write(work)
        assert tries == 1
        with pytest.raises(DBAPIError):
            async with database.read() as connection:
                await connection.execute(text(statement))


async def test_a_write_goes_on_when_its_caller_is_cancelled(database: Database) -> None:
    begun = asyncio.Event()

    async def work(connection: AsyncConnection) -> None:
        for number in range(20):
            await connection.execute(text("INSERT INTO t VALUES (:a, 0)"), {"a": number})
            begun.set()

    writing = asyncio.create_task(database.write(work))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    began = time.monotonic()
    await database.write(_statements("INSERT INTO t VALUES (100, 0)"))

    assert time.monotonic() - began < 1
    await database.close()
    assert len(await _rows(database)) == 21


async def test_closing_waits_for_what_is_being_written(database_url: str, database: Database) -> None:
    closed = Database(database_url)
    begun = asyncio.Event()

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (1, 0)"))
        begun.set()
        await asyncio.sleep(0.1)
        await connection.execute(text("INSERT INTO t VALUES (2, 0)"))

    writing = asyncio.create_task(closed.write(work))
    await begun.wait()
    writing.cancel()
    await closed.close()

    assert await _rows(database) == [(1, 0), (2, 0)]


# PostgreSQL: by SQLSTATE.


@ON_POSTGRESQL
@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "23505"])
async def test_states_of_a_lost_race_are_run_again(database: Database, state: str) -> None:
    tries = 0

    async def work(connection: AsyncConnection) -> int:
        nonlocal tries
        tries += 1
        if tries < 3:
            await connection.execute(text(_raising(state)))
        return tries

    assert await database.write(work) == 3
    with pytest.raises(CatalogError) as raised:
        await database.write(_statements(_raising(state)))
    _check_unavailable(raised.value, Reason.CONFLICTING_WRITE)
    with pytest.raises(CatalogError) as raised:
        async with database.read() as connection:
            await connection.execute(text(_raising(state)))
    _check_unavailable(raised.value, Reason.CONFLICTING_WRITE)


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "state", ["08006", "53100", "53200", "53300", "53400", "57014", "57P01", "57P02", "57P03", "58030", "25P03"]
)
async def test_states_of_a_server_in_need_are_unavailable_at_once(database: Database, state: str) -> None:
    with pytest.raises(CatalogError) as raised:
        await database.write(_statements(_raising(state)))
    _check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    assert await _rows(database) == []


@ON_POSTGRESQL
@pytest.mark.parametrize("state", ["22012", "23502", "23503", "25006", "42703", "XX000", "P0001"])
async def test_states_of_a_mistake_pass(database: Database, state: str) -> None:
    with pytest.raises(DBAPIError):
        await database.write(_statements(_raising(state)))


@ON_POSTGRESQL
async def test_a_deadlock_reaches_no_caller(database: Database) -> None:
    await database.write(_statements("INSERT INTO t VALUES (1, 0), (2, 0)"))
    both = asyncio.Barrier(2)

    async def work(connection: AsyncConnection, first: int, second: int, tries: list[int]) -> None:
        tries.append(first)
        await connection.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
        await connection.execute(text("UPDATE t SET b = b + 1 WHERE a = :a"), {"a": first})
        if len(tries) == 1:
            await both.wait()
        await connection.execute(text("UPDATE t SET b = b + 1 WHERE a = :a"), {"a": second})

    tries: tuple[list[int], list[int]] = [], []
    await asyncio.gather(
        database.write(lambda connection: work(connection, 1, 2, tries[0])),
        database.write(lambda connection: work(connection, 2, 1, tries[1])),
    )

    assert await _rows(database) == [(1, 2), (2, 2)]
    assert len(tries[0]) + len(tries[1]) == 3


@ON_POSTGRESQL
async def test_a_serialization_failure_reaches_no_caller(database: Database) -> None:
    await database.write(_statements("INSERT INTO t VALUES (1, 0)"))
    both = asyncio.Barrier(2)

    async def work(connection: AsyncConnection, tries: list[int]) -> None:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        await connection.execute(text("SELECT b FROM t"))
        tries.append(1)
        if len(tries) == 1:
            await both.wait()
        await connection.execute(text("UPDATE t SET b = b + 1"))

    one, other = list[int](), list[int]()
    await asyncio.gather(
        database.write(lambda connection: work(connection, one)),
        database.write(lambda connection: work(connection, other)),
    )

    assert await _rows(database) == [(1, 2)]
    assert len(one) + len(other) >= 3


@ON_POSTGRESQL
async def test_a_statement_that_takes_too_long_is_unavailable(database: Database) -> None:
    with pytest.raises(CatalogError) as raised:
        await database.write(_statements("SET LOCAL statement_timeout = '20ms'", "SELECT pg_sleep(5)"))
    _check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)


_KILL_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def _name(database_url: str) -> str:
    return database_url.partition("@/")[2].partition("?")[0]


@ON_POSTGRESQL
async def test_a_connection_that_is_killed_is_unavailable_and_another_one_serves(
    database: Database, database_url: str, postgres: PostgresServer
) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (1, 0)"))
        await asyncio.to_thread(postgres.execute, _KILL_OTHERS, database=_name(database_url))
        await connection.execute(text("INSERT INTO t VALUES (2, 0)"))

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    _check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    assert await _rows(database) == []

    await asyncio.to_thread(postgres.execute, _KILL_OTHERS, database=_name(database_url))
    for _ in range(5):
        try:
            await database.ping()
            break
        except CatalogError as error:
            _check_unavailable(error, Reason.DATABASE_UNAVAILABLE)
    assert await _rows(database) == []


def _chart(name: str = "c") -> ChartRecord:
    return ChartRecord(
        service_id=CATALOG_ID,
        id=CATALOG_ID,
        name=name,
        change_number=1,
        updated_at=datetime.now(UTC),
        updated_by="",
        by_ingestion=True,
        call_id="",
    )


async def test_a_lost_race_for_a_key_of_an_asset_is_run_again(database: Database) -> None:
    await database.write(lambda connection: CHARTS.insert(connection, [_chart()]))
    tries = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal tries
        tries += 1
        await CHARTS.insert(connection, [_chart()])

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    _check_unavailable(raised.value, Reason.CONFLICTING_WRITE)
    assert tries > 1


@ON_POSTGRESQL
@pytest.mark.parametrize("begun", [True, False])
async def test_a_connection_that_is_killed_before_rows_are_copied_is_unavailable(
    database: Database, database_url: str, postgres: PostgresServer, begun: bool
) -> None:
    async def work(connection: AsyncConnection) -> None:
        if begun:
            await connection.execute(text("SELECT 1"))
        await asyncio.to_thread(postgres.execute, _KILL_OTHERS, database=_name(database_url))
        await CHARTS.insert(connection, [_chart()])

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    _check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    await database.write(lambda connection: CHARTS.insert(connection, [_chart()]))


@ON_POSTGRESQL
async def test_connections_killed_at_any_time_bring_unavailable_or_a_whole_write(
    database: Database, database_url: str, postgres: PostgresServer
) -> None:
    async def write(number: int) -> bool:
        try:
            await database.write(
                _statements(f"INSERT INTO t VALUES ({2 * number}, 0)", f"INSERT INTO t VALUES ({2 * number + 1}, 0)")
            )
        except CatalogError as error:
            _check_unavailable(error, Reason.DATABASE_UNAVAILABLE)
            return False
        return True

    async def kill() -> None:
        for _ in range(4):
            await asyncio.to_thread(postgres.execute, _KILL_OTHERS, database=_name(database_url))

    *done, _ = await asyncio.gather(*[write(number) for number in range(300)], kill())

    for _ in range(5):
        if await write(1_000):
            break
    stored = {a for a, _ in await _rows(database)}
    assert all({2 * number, 2 * number + 1} <= stored for number, well in enumerate(done) if well)
    assert all((2 * number in stored) == (2 * number + 1 in stored) for number in range(300))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://nobody@127.0.0.1:1/catalog",
        "postgresql+asyncpg://nobody@/catalog?host=/nowhere",
        "sqlite+aiosqlite:////nowhere/catalog.db",
    ],
)
async def test_a_server_that_is_not_there_is_unavailable(url: str) -> None:
    database = Database(url)
    for attempt in (database.ping(), database.write(_statements("SELECT 1"))):
        with pytest.raises(CatalogError) as raised:
            await attempt
        _check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    await database.close()


async def test_a_database_that_does_not_exist_or_lets_nobody_in_is_unavailable(postgres: PostgresServer) -> None:
    for url in (postgres.url("nowhere"), postgres.url().replace("postgres@", "stranger@")):
        database = Database(url)
        with pytest.raises(CatalogError) as raised:
            await database.ping()
        _check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
        await database.close()


# Behind a pooler in transaction mode.


async def _prepared_after_three_writes(url: str, *, pgbouncer: bool) -> list[str]:
    """Returns the names of the statements that are prepared on a connection after its transactions."""
    pooled = Database(url, pgbouncer=pgbouncer, pool_size=1)
    for number in range(3):
        await pooled.write(_statements("SELECT a FROM t", "SELECT b FROM t"))
        await pooled.write(lambda connection, name=str(number): CHARTS.insert(connection, [_chart(name)]))  # type: ignore[misc]
    async with pooled.read() as connection:
        names = list((await connection.execute(text("SELECT name FROM pg_prepared_statements"))).scalars())
    await pooled.close()
    return names


@ON_POSTGRESQL
@pytest.mark.usefixtures("database")
async def test_behind_pgbouncer_no_prepared_statement_outlives_its_transaction(database_url: str) -> None:
    with_it = await _prepared_after_three_writes(database_url, pgbouncer=True)
    without = await _prepared_after_three_writes(database_url, pgbouncer=False)

    # The question itself is one.
    assert len(with_it) == 1
    assert UUID(with_it[0].strip("_")).version == 4
    assert len(without) >= 3


# SQLite, where the other writer is another process.

_HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""


def _held_elsewhere(file: Path, seconds: float) -> subprocess.Popen[bytes]:
    """Returns a process that holds the file's one lock, when it does."""
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(file), str(seconds)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@ON_SQLITE
async def test_a_file_that_another_process_writes_to_is_waited_for(database: Database, tmp_path: Path) -> None:
    with _held_elsewhere(tmp_path / "catalog.db", 0.3):
        assert await _rows(database) == []
        await database.write(_statements("INSERT INTO t VALUES (1, 0)"))
    assert await _rows(database) == [(1, 0)]


@ON_SQLITE
async def test_a_file_that_stays_busy_is_unavailable(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.02)
    hurried = Database(database_url)
    with _held_elsewhere(tmp_path / "catalog.db", 60) as process:
        with pytest.raises(CatalogError) as raised:
            await hurried.write(_statements("INSERT INTO t VALUES (1, 0)"))
        process.kill()
    _check_unavailable(raised.value, Reason.CONFLICTING_WRITE)
    await hurried.write(_statements("INSERT INTO t VALUES (1, 0)"))
    assert await _rows(database) == [(1, 0)]
    await hurried.close()


@ON_SQLITE
async def test_a_disk_that_is_full_is_unavailable(database: Database) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT i, 0 FROM n"
    with pytest.raises(CatalogError) as raised:
        await database.write(_statements("PRAGMA max_page_count = 1", f"INSERT INTO t {numbers}"))
    _check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    assert await _rows(database) == []


@ON_SQLITE
async def test_writers_of_one_process_queue_and_readers_do_not_wait_for_them(database: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        (count,) = (await connection.execute(text("SELECT count(*) FROM t"))).one()
        await connection.execute(text("INSERT INTO t VALUES (:a, 0)"), {"a": count})

    reads = [_rows(database) for _ in range(20)]
    await asyncio.gather(*[database.write(work) for _ in range(100)], *reads)

    assert len(await _rows(database)) == 100
