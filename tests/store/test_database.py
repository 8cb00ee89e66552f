"""Errors of both databases' drivers: the work is run again, UNAVAILABLE, refused, or a bug that passes."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.assets import CHARTS
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.driver_errors import DatabaseUnavailable, Refused, translation_of
from tests.store.database_work import chart, check_unavailable, rows, statements, storing

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def test_work_is_committed_completely_or_not_at_all(database: Database) -> None:
    await database.write(statements("INSERT INTO t VALUES (1, 1)"))
    refused = CatalogError(Reason.NOT_FOUND, "refused")

    async def work(connection: WriteConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (2, 2)"))
        raise refused

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    assert raised.value is refused
    assert await rows(database) == [(1, 1)]


async def test_work_that_loses_a_race_for_a_key_is_run_again(database: Database) -> None:
    await database.write(statements("INSERT INTO t VALUES (1, 1)"))
    tries: list[int] = []

    async def work(connection: WriteConnection) -> int:
        tries.append(len(tries) + 1)
        await connection.execute(text("INSERT INTO t VALUES (:a, 0)"), {"a": 5})
        await connection.execute(text("INSERT INTO t VALUES (:a, 0)"), {"a": 1 if len(tries) < 3 else 2})
        return tries[-1]

    assert await database.write(work) == 3
    assert await rows(database) == [(1, 1), (2, 0), (5, 0)]


async def test_work_that_loses_a_race_for_the_key_of_an_asset_is_run_again(database: Database) -> None:
    await database.write(storing(CHARTS, chart()))
    tries = 0

    async def work(connection: WriteConnection) -> None:
        nonlocal tries
        tries += 1
        await storing(CHARTS, chart())(connection)

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    check_unavailable(raised.value, Reason.CONFLICTING_WRITE)
    assert tries > 1


async def test_work_that_always_loses_a_race_is_unavailable(database: Database) -> None:
    await database.write(statements("INSERT INTO t VALUES (1, 1)"))
    tries = 0

    async def work(connection: WriteConnection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute(text("INSERT INTO t VALUES (1, 2)"))

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    check_unavailable(raised.value, Reason.CONFLICTING_WRITE)
    assert 3 <= tries <= 10


async def test_a_bug_is_neither_run_again_nor_mistaken_for_an_unavailable_database(database: Database) -> None:
    for statement in ("SELECT nothing FROM t", "INSERT INTO t VALUES (1, 2, 3)", "SELEC"):
        tries = 0

        async def work(connection: WriteConnection, statement: str = statement) -> None:
            nonlocal tries
            tries += 1
            await connection.execute(text(statement))

        with pytest.raises(DBAPIError):
            await database.write(work)
        assert tries == 1
        with pytest.raises(DBAPIError):
            async with database.read() as connection:
                await connection.execute(text(statement))


async def test_a_database_without_the_tables_is_unavailable(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable, match="not available") as raised:
        await database.write(statements("SELECT 1 FROM nowhere"))
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    assert "db upgrade" in raised.value.problem


async def test_a_write_continues_after_its_caller_is_cancelled(database: Database) -> None:
    begun = asyncio.Event()

    async def work(connection: WriteConnection) -> None:
        for number in range(20):
            await connection.execute(text("INSERT INTO t VALUES (:a, 0)"), {"a": number})
            begun.set()

    writing = asyncio.create_task(database.write(work))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await database.write(statements("INSERT INTO t VALUES (100, 0)"))
    await database.close()
    assert len(await rows(database)) == 21


async def test_closing_waits_for_running_writes(database_url: str, database: Database) -> None:
    closed = Database(database_url)
    begun = asyncio.Event()

    async def work(connection: WriteConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (1, 0)"))
        begun.set()
        await asyncio.sleep(0.1)
        await connection.execute(text("INSERT INTO t VALUES (2, 0)"))

    writing = asyncio.create_task(closed.write(work))
    await begun.wait()
    writing.cancel()
    await closed.close()

    assert await rows(database) == [(1, 0), (2, 0)]


def _raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'the text' USING ERRCODE = '{state}'; END $$"


@ON_POSTGRESQL
async def test_error_states_of_a_lost_race_are_run_again(database: Database) -> None:
    for state in ("40001", "40P01", "55P03", "23505"):
        tries: list[str] = []

        async def work(connection: WriteConnection, tries: list[str] = tries, state: str = state) -> int:
            tries.append(state)
            if len(tries) < 3:
                await connection.execute(text(_raising(state)))
            return len(tries)

        assert await database.write(work) == 3
        with pytest.raises(CatalogError) as raised:
            async with database.read() as connection:
                await connection.execute(text(_raising(state)))
        check_unavailable(raised.value, Reason.CONFLICTING_WRITE)


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "said",
    [
        "could not commit transaction for shard 7 on at least one active node",
        "failure on connection marked as essential: node:5432",
    ],
)
async def test_a_cluster_that_loses_a_node_in_a_transaction_is_unavailable_at_once(
    database: Database, said: str
) -> None:
    tries = 0

    async def work(connection: WriteConnection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute(text(_raising("XX000").replace("the text", said)))

    with pytest.raises(DatabaseUnavailable) as raised:
        await database.write(work)
    # It may have been committed.
    assert tries == 1
    assert said not in raised.value.message


@ON_POSTGRESQL
async def test_error_states_of_an_unusable_server_are_unavailable_at_once(database: Database) -> None:
    in_need = [
        "08006",
        "25006",
        "25P03",
        "28P01",
        "3D000",
        "3F000",
        "40003",
        "42501",
        "42P01",
        "53100",
        "53200",
        "53300",
        "53400",
        "57000",
        "57014",
        "57P01",
        "57P02",
        "57P03",
        "58030",
        "58P01",
        "XX001",
        "XX002",
    ]
    for state in in_need:
        with pytest.raises(DatabaseUnavailable) as raised:
            await database.write(statements(_raising(state)))
        check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
        # Only a server that has lost a connection of its own can still read other parts.
        assert raised.value.is_partial is (state == "08006")
        assert "PostgreSQL" in raised.value.problem or raised.value.problem.startswith("the ")
    assert await rows(database) == []


def test_the_loss_of_the_connection_itself_is_no_loss_of_a_part() -> None:
    lost = translation_of(asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"))
    assert isinstance(lost, DatabaseUnavailable)
    assert not lost.is_partial


@ON_POSTGRESQL
async def test_error_states_of_a_bug_pass(database: Database) -> None:
    for state in ("25P02", "34000", "42703"):
        with pytest.raises(DBAPIError):
            await database.write(statements(_raising(state)))


@ON_POSTGRESQL
async def test_error_states_of_a_refused_value_are_no_bug(database: Database) -> None:
    for state in ("22012", "23502", "23503", "23514", "27000", "54000", "XX000", "P0001"):
        await _check_refused(database, _raising(state))


async def test_a_value_that_breaks_a_constraint_is_refused(database: Database) -> None:
    await database.write(statements("CREATE TABLE n (a INTEGER NOT NULL CHECK (a < 5))", "INSERT INTO n VALUES (1)"))
    for statement in ("INSERT INTO n VALUES (5)", "UPDATE n SET a = NULL"):
        await _check_refused(database, statement)


async def _check_refused(database: Database, statement: str) -> None:
    """Asserts that the database refuses a statement, also when its transaction isolates what it refuses."""
    isolated: list[bool] = []

    async def work(connection: WriteConnection) -> None:
        isolated.append(connection.isolates)
        await connection.execute(text("INSERT INTO t VALUES (1, 0)"))
        if connection.isolates:
            with pytest.raises(Refused):
                async with connection.savepoint():
                    await connection.execute(text(statement))
        await connection.execute(text(statement))

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    assert raised.value.reason == Reason.DATABASE_REFUSED
    assert "the text" not in raised.value.message
    assert isolated == [False, True]
    assert await rows(database) == []


async def _times(reading: AbstractAsyncContextManager[ReadConnection]) -> list[datetime]:
    """Returns when the transactions of two statements began."""
    async with reading as connection:
        return [(await connection.execute(text("SELECT now()"))).scalar_one() for _ in range(2)]


@ON_POSTGRESQL
async def test_statements_of_a_read_stand_alone_unless_they_need_a_transaction(
    database: Database, database_url: str
) -> None:
    first, second = await _times(database.read())
    assert first < second
    first, second = await _times(database.read_transaction())
    assert first == second
    pooled = Database(f"{database_url}&pgbouncer=true")
    first, second = await _times(pooled.read())
    assert first == second
    await pooled.close()


async def test_a_connection_that_was_read_from_writes_in_a_transaction(database_url: str) -> None:
    single = Database(database_url, pool_size=1)
    await single.write(statements("CREATE TABLE t (a INTEGER, b INTEGER)"))
    assert await rows(single) == []
    with pytest.raises(CatalogError):
        await single.write(statements("INSERT INTO t VALUES (1, 1)", "INSERT INTO t SELECT b FROM missing"))
    assert await rows(single) == []
    await single.close()


@ON_POSTGRESQL
async def test_no_caller_sees_a_deadlock(database: Database) -> None:
    await database.write(statements("INSERT INTO t VALUES (1, 0), (2, 0)"))
    both = asyncio.Barrier(2)

    async def work(connection: WriteConnection, first: int, second: int, tries: list[int]) -> None:
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

    assert await rows(database) == [(1, 2), (2, 2)]
    assert len(tries[0]) + len(tries[1]) == 3


@ON_POSTGRESQL
async def test_no_caller_sees_a_serialization_failure(database: Database) -> None:
    await database.write(statements("INSERT INTO t VALUES (1, 0)"))
    both = asyncio.Barrier(2)

    async def work(connection: WriteConnection, tries: list[int]) -> None:
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

    assert await rows(database) == [(1, 2)]
    assert len(one) + len(other) >= 3


@ON_POSTGRESQL
async def test_a_statement_that_takes_too_long_is_unavailable(database: Database) -> None:
    with pytest.raises(CatalogError) as raised:
        await database.write(statements("SET LOCAL statement_timeout = '20ms'", "SELECT pg_sleep(5)"))
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)


async def test_a_process_that_has_stood_still_does_not_take_that_for_silence(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    clock = loop.time
    probing = asyncio.create_task(database.probe())
    await asyncio.sleep(0)

    monkeypatch.setattr(loop, "time", lambda: clock() + 11.0)

    assert await probing is None
