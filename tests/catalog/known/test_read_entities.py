"""A reader remembers what it has read only if nothing has changed meanwhile."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import pytest

from dashboard_catalog.catalog.known.read_entities import ReadEntities
from dashboard_catalog.catalog.known.remembered import RememberedEntities
from dashboard_catalog.store import entities, locks
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import EntityRecord

CONNECTION = cast("ReadConnection", None)


async def test_what_may_have_changed_during_a_read_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, Any] = {"change_number": 1, "updated_at": datetime.now(UTC), "updated_by": "ann", "call_id": ""}
    stored = EntityRecord(id=uuid4(), kind="user", name="ann", fqn="ann", attributes={}, **written)
    state, asked = 8, 0

    async def present_state(_connection: ReadConnection) -> int:
        return state

    async def found(_connection: ReadConnection, keys: Iterable[object]) -> list[EntityRecord]:
        nonlocal asked
        asked += len(list(keys))
        return [stored]

    monkeypatch.setattr(locks, "state_of_entities", present_state)
    monkeypatch.setattr(entities, "by_ids", found)
    monkeypatch.setattr(entities, "by_fqns", found)
    remembered = RememberedEntities(7)
    read = ReadEntities(remembered)

    assert await read.by_ids(CONNECTION, [stored.id]) == [stored]
    assert await read.by_fqns(CONNECTION, [stored.fqn]) == [stored]
    assert remembered.recall([stored.id]) == ([], [stored.id])

    state = 7
    assert await read.by_ids(CONNECTION, [stored.id]) == [stored]
    assert remembered.recall([stored.id]) == ([stored], [])
    asked = 0
    assert await read.by_ids(CONNECTION, [stored.id, uuid4()]) == [stored, stored]
    assert asked == 1
