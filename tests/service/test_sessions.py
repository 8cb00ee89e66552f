"""Sessions of BulkUpsert: exactly once, resumed after any break, one owner, one connection, one end."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import EntityRecord
from tests.patience import PATIENCE
from tests.service.caller import Caller, Json, Service
from tests.service.streams import Stream
from tests.store.database_work import is_lock_awaited


def _charts(first: int, count: int) -> list[Json]:
    return [{"chart": {"name": f"n{number}", "service": "superset"}} for number in range(first, first + count)]


pytestmark = pytest.mark.usefixtures("superset")


async def _versions(service: Service) -> dict[str, int]:
    async with service.database.read() as connection:
        rows = await connection.execute(text("SELECT name, version FROM chart WHERE name LIKE 'n%'"))
        return {row.name: row.version for row in rows}


async def test_a_session_continues_where_it_stopped(bot: Caller) -> None:
    options: Json = {"sessionId": str(uuid4())}

    first = await bot.bulk(_charts(0, 3), options=options)
    again = await bot.bulk({"items": _charts(0, 3) + _charts(3, 2), "offset": 0}, options=options)

    assert first.counts == {"created": 3}
    # The session has ended: its items are acknowledged, and more items are refused.
    assert again.started["nextOffset"] == "3"
    assert again.refused is not None
    assert again.refused.violations == {"items": "INVALID_VALUE"}


async def test_items_written_before_a_break_are_written_once(bot: Caller, service: Service) -> None:
    options: Json = {"sessionId": str(uuid4())}
    async with Stream(bot) as broken:
        await broken.send(*_charts(0, 3), {"chart": {"name": "", "service": "superset"}}, options=options)
        await broken.read_until(4)
        broken.call.cancel()

    resumed = await bot.bulk(
        {"items": [*_charts(0, 3), {"chart": {"name": "", "service": "superset"}}, *_charts(3, 2)]},
        options=options,
        finish={"totalItems": 6},
    )

    assert resumed.started["nextOffset"] == "4"
    assert resumed.failures == {3: {"chart.name": "REQUIRED"}}
    assert resumed.counts == {"created": 5, "failed": 1}
    assert await _versions(service) == {f"n{number}": 1 for number in range(5)}


async def test_a_finished_session_returns_its_summary_again(bot: Caller) -> None:
    options: Json = {"sessionId": str(uuid4())}
    first = await bot.bulk(_charts(0, 3), options=options, finish={"totalItems": 3})

    again = await bot.bulk(_charts(0, 3), options=options, finish={"totalItems": 3})

    assert again.started["nextOffset"] == "3"
    assert again.summary == first.summary


async def test_the_newest_connection_wins_and_the_old_one_gets_an_error(bot: Caller, service: Service) -> None:
    options: Json = {"sessionId": str(uuid4())}
    async with Stream(bot) as old, Stream(bot) as new:
        await old.send(*_charts(0, 2), options=options)
        await old.read_until(2)
        await new.send(options=options)
        assert (await new.read())["started"]["nextOffset"] == "2"
        await old.send(*_charts(2, 2))
        superseded = await old.end()
        await new.send(*_charts(2, 1), offset=2)
        ended = await new.end()

    assert superseded.refused is not None
    assert (superseded.refused.code, superseded.refused.reason) == ("FAILED_PRECONDITION", "SESSION_SUPERSEDED")
    assert ended.counts == {"created": 3}
    assert await _versions(service) == {"n0": 1, "n1": 1, "n2": 1}


async def test_nobody_else_can_use_a_session(bot: Caller, superset: Caller) -> None:
    options: Json = {"sessionId": str(uuid4())}
    await bot.bulk(_charts(0, 1), options=options)

    refused = (await superset.bulk(_charts(1, 1), options=options)).refused

    assert refused is not None
    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "ACTION_DENIED")
    assert refused.metadata == {"action": "resume", "resource": f"session {options['sessionId']}"}


async def test_a_resumed_session_must_have_the_same_options(bot: Caller) -> None:
    session: Json = {"sessionId": str(uuid4())}
    await bot.bulk(_charts(0, 1), options={**session, "maxFailures": 3})

    refused = (await bot.bulk(_charts(0, 1), options={**session, "maxFailures": 4})).refused

    assert refused is not None
    assert refused.violations == {"options.session_id": "INVALID_VALUE"}
    assert (await bot.bulk(_charts(0, 1), options={**session, "maxFailures": 3})).refused is None


async def test_a_stream_without_a_session_can_be_resumed_by_the_id_it_received(bot: Caller) -> None:
    first = await bot.bulk(_charts(0, 2))

    again = await bot.bulk(_charts(0, 2), options={"sessionId": first.started["sessionId"]})

    assert again.started["nextOffset"] == "2"
    assert again.summary == first.summary


async def test_a_session_is_found_whatever_service_its_options_name(bot: Caller) -> None:
    session: Json = {"sessionId": str(uuid4())}
    await bot.bulk(_charts(0, 2), options={**session, "service": "superset"})

    refused = (await bot.bulk(_charts(0, 2), options=session)).refused

    assert refused is not None
    assert refused.violations == {"options.session_id": "INVALID_VALUE"}


async def _removed_meanwhile(removing: "list[asyncio.Task[Json]]", remover: Caller, database: Database) -> None:
    """Begins to remove the BI service, and returns when that is done or has to wait."""
    removing.append(
        asyncio.create_task(remover.delete_entity(kind="KIND_BI_SERVICE", fully_qualified_name="empty", hard=True))
    )
    if database.is_sqlite:
        # Nobody sees that it waits.
        await asyncio.wait(removing, timeout=0.2)
        return
    async with asyncio.timeout(PATIENCE):
        while not removing[0].done() and not await is_lock_awaited(database):
            pass


@pytest.mark.parametrize("validate_only", [False, True])
async def test_a_stream_opens_while_its_service_is_removed(
    admin: Caller, bot: Caller, service: Service, validate_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.upsert_entity(entity={"biService": {"name": "empty", "serviceType": "Superset"}})
    removing: list[asyncio.Task[Json]] = []
    find = SessionRequest.find_service

    async def find_then_remove(request: SessionRequest, connection: ReadConnection) -> EntityRecord | None:
        found = await find(request, connection)
        if not removing:
            await _removed_meanwhile(removing, admin, service.database)
        return found

    monkeypatch.setattr(SessionRequest, "find_service", find_then_remove)
    opened = await bot.bulk(
        [{"chart": {"name": "c", "service": "empty"}}],
        options={"service": "empty", "sweep": {}, "validateOnly": validate_only},
        finish={"totalItems": 1},
    )
    await removing[0]
    assert opened.started
    assert opened.refused is None
