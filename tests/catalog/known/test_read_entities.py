"""A reader remembers only what it has read in the state that it remembers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from dashboard_catalog.catalog.known.read_entities import ReadEntities
from dashboard_catalog.catalog.known.remembered import RememberedEntities
from dashboard_catalog.store import entities, locks
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import CATALOG_ID, EntityChangeRecord, EntityRecord


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database without rows."""
    database = Database(database_url)
    yield database
    await database.close()


async def _add_user(database: Database, name: str) -> EntityRecord:
    async def work(connection: WriteConnection) -> EntityRecord:
        number = await locks.lock_service(connection, CATALOG_ID) + 1
        values = {"id": uuid4(), "kind": "user", "name": name, "fqn": name, "attributes": {}, "change_number": number}
        values |= {"updated_at": datetime.now(UTC), "updated_by": "ann", "call_id": ""}
        record = EntityRecord(**values)  # type: ignore[arg-type]  # of several types
        change = EntityChangeRecord(**values, change="created", by_ingestion=False)  # type: ignore[arg-type]
        await entities.save(connection, [record], [], [change])
        return record

    return await database.write(work)


async def test_what_was_read_in_another_state_is_not_remembered(database: Database) -> None:
    ann = await _add_user(database, "ann")
    async with database.read() as connection:
        before = RememberedEntities(await locks.state_of_entities(connection))
        read = ReadEntities(before)
        assert await read.by_ids(connection, [ann.id]) == [ann]
    assert before.recall([ann.id]) == ([ann], [])

    bob = await _add_user(database, "bob")
    async with database.read() as connection:
        assert await read.by_ids(connection, [ann.id, bob.id]) == [ann, bob]
        assert await read.by_fqns(connection, ["bob"]) == [bob]
        # Whatever the state is when the read has ended.
        assert before.recall([bob.id]) == ([], [bob.id])
        after = RememberedEntities(await locks.state_of_entities(connection))
        assert await ReadEntities(after).by_fqns(connection, ["bob"]) == [bob]
    assert after.recall([bob.id]) == ([bob], [])
