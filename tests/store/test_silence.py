"""A PostgreSQL that stops answering without closing its connections: nothing waits for it for good."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import text

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import postgresql_connections
from dashboard_catalog.store.assets import CHARTS
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database, TimeLimits
from tests.patience import PATIENCE
from tests.postgres import PostgresServer
from tests.store.database_work import chart, check_unavailable, rows, statements, storing
from tests.store.freezing import Freezer, freezing

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

# Longer than a test may take.
NEVER = 600.0


@pytest.fixture
async def freezer(postgres: PostgresServer) -> AsyncIterator[Freezer]:
    async with freezing(postgres) as freezer:
        yield freezer


def silenced(freezer: Freezer, database_url: str, **limits: float) -> Database:
    """Returns a database behind the proxy."""
    name = database_url.partition("@/")[2].partition("?")[0]
    return Database(freezer.url(name), pool_size=3, limits=TimeLimits(**limits))


async def _statement(freezer: Freezer, connection: WriteConnection) -> None:
    freezer.freeze()
    await connection.execute(text("SELECT 1"))


async def _copy(freezer: Freezer, connection: WriteConnection) -> None:
    freezer.freeze()
    await storing(CHARTS, chart())(connection)


async def _commit(freezer: Freezer, _connection: WriteConnection) -> None:
    freezer.freeze()


async def _rollback(freezer: Freezer, _connection: WriteConnection) -> None:
    freezer.freeze()
    raise CatalogError(Reason.NOT_FOUND, "refused")


Step = Callable[[Freezer, WriteConnection], Awaitable[None]]


@pytest.mark.parametrize("step", [_statement, _copy, _commit, _rollback])
async def test_no_step_of_a_transaction_waits_for_good_or_keeps_its_locks(
    database: Database, database_url: str, freezer: Freezer, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_connections, "_IDLE_SECONDS", 0.3)
    behind = silenced(freezer, database_url, statement=0.2, probe=NEVER, close=0.2)
    while await _fails(behind.write(statements("SELECT 1"))):
        pass

    async def work(connection: WriteConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (1, 0)"))
        await step(freezer, connection)

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(CatalogError) as raised:
            await behind.write(work)
        check_unavailable(raised.value, Reason.DATABASE_UNAVAILABLE)
        # PostgreSQL still knows the silent transaction, which has taken this key.
        while await _fails(behind.write(statements("INSERT INTO t VALUES (1, 1)"))):
            pass
        assert await rows(database) == [(1, 1)]
        await behind.close()


async def _fails(writing: Awaitable[object]) -> bool:
    try:
        await writing
    except CatalogError as error:
        check_unavailable(error, Reason.DATABASE_UNAVAILABLE)
        return True
    return False


async def test_a_probe_that_is_not_answered_drops_all_connections_at_once(
    database: Database, database_url: str, freezer: Freezer
) -> None:
    behind = silenced(freezer, database_url, statement=NEVER, probe=0.3)
    while await behind.probe():
        pass
    await asyncio.gather(*[rows(behind) for _ in range(3)])
    freezer.freeze()
    writing = [asyncio.create_task(_fails(behind.write(statements("SELECT 1")))) for _ in range(2)]
    reading = asyncio.create_task(_fails(rows(behind)))

    async with asyncio.timeout(PATIENCE):
        assert "has not answered" in (await behind.probe() or "")
        assert await asyncio.gather(*writing, reading) == [True, True, True]
        while await behind.probe():
            pass
        await asyncio.gather(*[behind.write(statements(f"INSERT INTO t VALUES ({a}, 0)")) for a in range(6)])
    assert len(await rows(database)) == 6
    await behind.close()


async def test_closing_waits_for_nobody(database: Database, database_url: str, freezer: Freezer) -> None:
    behind = silenced(freezer, database_url, statement=NEVER, probe=NEVER, close=0.1)
    await asyncio.gather(*[rows(behind) for _ in range(2)])
    freezer.freeze()
    writing = asyncio.create_task(_fails(behind.write(statements("SELECT 1"))))
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        await behind.close()
        assert await writing
    assert await rows(database) == []


async def test_a_host_that_is_gone_is_noticed_by_the_operating_system(database_url: str, freezer: Freezer) -> None:
    behind = silenced(freezer, database_url)
    async with behind.read() as connection:
        raw = await connection._connection.get_raw_connection()
        using = raw.driver_connection._transport.get_extra_info("socket")  # type: ignore[union-attr]
        assert using.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert using.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
    await behind.close()
