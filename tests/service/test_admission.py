"""Who may begin a bulk stream, and how much of its failures a session keeps."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from dashboard_catalog.catalog.bulk import failures
from tests.service.caller import Bulk, Caller, Json, Service

pytestmark = pytest.mark.usefixtures("superset")


async def _count(service: Service, table: str) -> int:
    async with service.database.read() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_who_may_write_nothing_gets_no_session(service: Service, superset: Caller) -> None:
    before = await _count(service, "bulk_session")
    spec: Json = {"name": "d", "service": "superset", "owners": [{"type": "user", "name": "ann"}]}
    item = {"dashboard": {**spec, "description": "mine"}}

    for subject, roles in (("ann", ["data_consumer"]), ("bob", [])):
        caller = service.caller(subject, *roles, teams=["sales"])
        for options in ({}, {"validateOnly": True}):
            session = {**options, "sessionId": str(uuid4())}
            refused = (await caller.bulk([item] * 1000, options=session)).refused
            assert refused is not None
            assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "ACTION_DENIED")
            assert refused.message.endswith(": no policy lets this caller write anything")
            assert refused.metadata == {"action": "begin", "resource": f"session {session['sessionId']}"}
    assert (await _count(service, "bulk_session"), await _count(service, "bulk_failure")) == (before, 0)

    # Owners may update what is theirs or their team's, as soon as there is something.
    ann, sales = service.caller("ann", "data_consumer"), service.caller("bob", teams=["sales"])
    await superset.create_dashboard(dashboard=spec)
    assert (await ann.bulk([item])).counts == {"updated": 1}
    assert (await sales.bulk([item])).refused is not None
    await superset.create_chart(
        chart={"name": "x", "service": "superset", "owners": [{"type": "team", "name": "sales"}]}
    )
    assert (await sales.bulk([item])).failures == {0: {"": "ACTION_DENIED"}}
    await superset.delete_dashboard(fully_qualified_name="superset.d")
    assert (await ann.bulk([item], options={"validateOnly": True})).counts == {"suppressed": 1}


async def test_what_a_session_and_a_caller_keep_of_failures_is_bounded(
    service: Service, bot: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MAX_SESSION_BYTES", 40_000)
    monkeypatch.setattr(failures, "MAX_CALLER_BYTES", 60_000)
    # Each breaks many rules, of which the status names as many as fit.
    charts = [f"superset.unknown{number}" for number in range(200)]
    items = [{"dashboard": {"name": f"d{number}", "service": "superset", "charts": charts}} for number in range(20)]
    options = {"sessionId": str(uuid4())}

    sent = await bot.bulk(items[:10], items[10:], options=options)

    assert len(sent.failures) == int(sent.summary["failed"]) == 20
    kept = await _count(service, "bulk_failure")
    assert 0 < kept < 10
    assert int(sent.summary["failuresNotKept"]) == 20 - kept
    resumed = await bot.bulk(items, options=options)
    assert resumed.failures == {offset: sent.failures[offset] for offset in range(kept)}
    assert _statuses(resumed) == _statuses(sent)[:kept]
    assert resumed.started["failuresNotKept"] == sent.summary["failuresNotKept"]
    assert resumed.summary == sent.summary
    # The next session finds less room, and later ones none. Others are not concerned.
    await bot.bulk(items)
    assert kept < await _count(service, "bulk_failure") < 2 * kept
    before = await _count(service, "bulk_failure")
    assert (await bot.bulk(items[:1])).summary["failuresNotKept"] == "1"
    assert await _count(service, "bulk_failure") == before
    assert "failuresNotKept" not in (await service.caller("stella", "data_steward").bulk(items[:1])).summary
    # A stream that only validates keeps them in memory, within the same limit.
    assert "failuresNotKept" in (await bot.bulk(items, options={"validateOnly": True})).summary


def _statuses(bulk: Bulk) -> list[str]:
    """Returns what the statuses say, without the id of the call."""
    return [str(status.details[0]) + str(status.details[2]) for _, status in sorted(bulk.statuses.items())]
