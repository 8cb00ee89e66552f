"""Entities that are deleted for good while assets that refer to them are written, on several servers."""

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import select

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CHART, ENTITY
from tests.service.caller import Caller, Refused
from tests.service.entities import deleted, upserted

RACES = 40


async def _dangling_owners(database: Database) -> int:
    """Returns how many owners of charts do not exist."""
    async with database.read() as connection:
        owners = {id_ for ids in (await connection.execute(select(CHART.c.owners))).scalars() for id_ in ids}
        return len(owners - set((await connection.execute(select(ENTITY.c.id))).scalars()))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_no_asset_refers_to_an_owner_that_another_server_has_just_removed(
    two_servers: tuple[Caller, Caller], database_url: str
) -> None:
    outcomes = set()

    async def refused(call: asyncio.Future[object] | asyncio.Task[object]) -> bool:
        with suppress(Refused):
            await call
            return False
        return True

    for number in range(RACES):
        remover, writer = two_servers if number % 2 else reversed(two_servers)
        name = f"u{number}"
        await upserted(writer, "user", name=name)
        owners = [{"type": "user", "name": name}]
        chart = {"name": f"r{number}", "service": "superset", "owners": owners}
        removal = asyncio.create_task(deleted(remover, "user", name, hard=True))
        write = asyncio.create_task(writer.upsert_chart(chart=chart))
        outcomes.add((await refused(removal), await refused(write)))

    database = Database(database_url)
    try:
        assert await _dangling_owners(database) == 0
    finally:
        await database.close()
    # One of the two is refused, never both and never none.
    assert outcomes <= {(True, False), (False, True)}
