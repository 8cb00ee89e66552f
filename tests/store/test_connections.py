"""Connections that are killed, refused or pooled: callers may retry, and the next connection works."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.assets import CHARTS
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.driver_errors import READ_ONLY, DatabaseUnavailable, translated
from tests.postgres import PostgresServer
from tests.store.database_work import chart, check_unavailable, rows, statements, storing

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

# Waits until they have ended.
_KILL_OTHERS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def _name(database_url: str) -> str:
    return database_url.partition("@/")[2].partition("?")[0]


@ON_POSTGRESQL
async def test_a_killed_connection_is_unavailable_and_another_one_works(
    database: Database, database_url: str, postgres: PostgresServer
) -> None:
    async def work(connection: WriteConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (1, 0)"))
        await asyncio.to_thread(postgres.execute, _KILL_OTHERS, database=_name(database_url))
        await connection.execute(text("INSERT INTO t VALUES (2, 0)"))

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    assert await rows(database) == []

    await asyncio.to_thread(postgres.execute, _KILL_OTHERS, database=_name(database_url))
    for _ in range(5):
        if await database.probe() is None:
            break
    assert await rows(database) == []


@ON_POSTGRESQL
@pytest.mark.parametrize("begun", [True, False])
async def test_a_connection_that_is_killed_before_rows_are_copied_is_unavailable(
    database: Database, database_url: str, postgres: PostgresServer, begun: bool
) -> None:
    async def work(connection: WriteConnection) -> None:
        if begun:
            await connection.execute(text("SELECT 1"))
        await asyncio.to_thread(postgres.execute, _KILL_OTHERS, database=_name(database_url))
        await storing(CHARTS, chart())(connection)

    with pytest.raises(CatalogError) as raised:
        await database.write(work)
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    await database.write(storing(CHARTS, chart()))


@ON_POSTGRESQL
async def test_connections_killed_at_any_time_lead_to_unavailable_or_a_whole_write(
    database: Database, database_url: str, postgres: PostgresServer
) -> None:
    async def write(number: int) -> bool:
        try:
            await database.write(
                statements(f"INSERT INTO t VALUES ({2 * number}, 0)", f"INSERT INTO t VALUES ({2 * number + 1}, 0)")
            )
        except CatalogError as error:
            check_unavailable(error, Reason.DATABASE_UNAVAILABLE)
            return False
        return True

    async def kill() -> None:
        for _ in range(4):
            await asyncio.to_thread(postgres.execute, _KILL_OTHERS, database=_name(database_url))

    *done, _ = await asyncio.gather(*[write(number) for number in range(300)], kill())

    for _ in range(5):
        if await write(1_000):
            break
    stored = {a for a, _ in await rows(database)}
    assert all({2 * number, 2 * number + 1} <= stored for number, well in enumerate(done) if well)
    assert all((2 * number in stored) == (2 * number + 1 in stored) for number in range(300))


@ON_POSTGRESQL
async def test_connections_to_a_server_that_takes_no_writes_are_replaced(
    database: Database, database_url: str, postgres: PostgresServer
) -> None:
    assert await database.probe() is None
    name = _name(database_url)
    on = f"ALTER DATABASE {name} SET default_transaction_read_only = on"
    await asyncio.to_thread(postgres.execute, on, _KILL_OTHERS, database=name)
    assert await _settled(database) == READ_ONLY
    assert await rows(database) == []
    with pytest.raises(CatalogError) as raised:
        await database.write(statements("INSERT INTO t VALUES (1, 0)"))
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)

    # Old connections stay read-only, new ones are not.
    await asyncio.to_thread(postgres.execute, f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await database.write(statements("INSERT INTO t VALUES (2, 0)"))
    assert await database.probe() is None
    assert await rows(database) == [(2, 0)]


async def _settled(database: Database) -> str | None:
    """Returns what a probe says after the one that finds its connection closed."""
    await database.probe()
    return await database.probe()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://nobody@127.0.0.1:1/catalog",
        "postgresql+asyncpg://nobody@/catalog?host=/nowhere",
        "sqlite+aiosqlite:////nowhere/catalog.db",
    ],
)
async def test_an_unreachable_server_is_unavailable(url: str) -> None:
    database = Database(url)
    assert await database.probe()
    with pytest.raises(CatalogError) as raised:
        await database.write(statements("SELECT 1"))
    check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
    await database.close()


async def test_a_database_that_does_not_exist_or_refuses_access_is_unavailable(postgres: PostgresServer) -> None:
    for url in (postgres.url("nowhere"), postgres.url().replace("postgres@", "stranger@")):
        database = Database(url)
        assert "PostgreSQL refuses" in (problem := await database.probe() or "") or "does not exist" in problem
        await database.close()


async def _prepared_after_three_writes(url: str) -> list[str]:
    """Returns the names of the prepared statements on a connection after its transactions."""
    pooled = Database(url, pool_size=1)
    for _ in range(3):
        await pooled.write(statements("SELECT a FROM t", "SELECT b FROM t"))
        await pooled.write(storing(CHARTS, chart(str(uuid4()))))
    async with pooled.read() as connection:
        names = list((await connection.execute(text("SELECT name FROM pg_prepared_statements"))).scalars())
    await pooled.close()
    return names


@ON_POSTGRESQL
@pytest.mark.usefixtures("database")
async def test_behind_pgbouncer_no_statement_is_prepared_under_a_name(database_url: str) -> None:
    assert await _prepared_after_three_writes(f"{database_url}&pgbouncer=true") == []
    assert len(await _prepared_after_three_writes(database_url)) >= 3


def test_a_statement_that_meets_the_end_of_its_connection_is_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable), translated():
        raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")
