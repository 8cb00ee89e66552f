"""Who waits for whose lock, on one server and on a cluster."""

import asyncio
from contextlib import suppress

import pytest

from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.locks import advance, lock_catalog, lock_service
from dashboard_catalog.store.records import CATALOG_ID
from tests.patience import PATIENCE
from tests.store.database_work import is_lock_awaited

pytestmark = pytest.mark.parametrize("database_url", ["postgresql", "cluster"], indirect=True)


class Held:
    """The lock of the catalog, in a transaction that ends when it is told to."""

    def __init__(self, database: Database, *, to_write: bool) -> None:
        self.taken, self._end = asyncio.Event(), asyncio.Event()

        async def hold(connection: WriteConnection) -> None:
            await lock_catalog(connection, to_write=to_write)
            self.taken.set()
            await self._end.wait()

        self._running = asyncio.create_task(database.write(hold))

    async def end(self) -> None:
        self._end.set()
        await self._running


async def _is_taken(database: Database, held: Held) -> bool:
    """Returns whether a lock is taken, once it is either taken or waited for."""
    async with asyncio.timeout(PATIENCE):
        while not held.taken.is_set() and not await is_lock_awaited(database):
            pass
    return held.taken.is_set()


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True)])
async def test_who_writes_entities_shares_the_lock_with_nobody(
    database: Database, *, first: bool, second: bool
) -> None:
    one = Held(database, to_write=first)
    await one.taken.wait()
    other = Held(database, to_write=second)
    assert not await _is_taken(database, other)
    await one.end()
    await other.taken.wait()
    await other.end()


async def test_who_relies_on_entities_shares_the_lock(database: Database) -> None:
    held = [Held(database, to_write=False) for _ in range(2)]
    assert [await _is_taken(database, one) for one in held] == [True, True]
    for one in held:
        await one.end()


async def test_a_lock_that_went_with_a_savepoint_counts_from_when_it_is_taken_again(database: Database) -> None:
    async def write(connection: WriteConnection) -> None:
        await advance(connection, CATALOG_ID, await lock_service(connection, CATALOG_ID) + 1)

    async def work(connection: WriteConnection) -> int:
        with suppress(ZeroDivisionError):
            async with connection.savepoint():
                await lock_service(connection, CATALOG_ID)
                raise ZeroDivisionError
        # The lock is free.
        await database.write(write)
        await lock_service(connection, CATALOG_ID)
        return connection.locked_at[CATALOG_ID].number

    assert await database.write(work) == 1
