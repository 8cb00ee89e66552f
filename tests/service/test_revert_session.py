"""RevertSession puts back what a bulk session wrote, and leaves alone what others have touched since."""

from collections.abc import Iterator, MutableMapping
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from dashboard_catalog.calls.call import add_call
from dashboard_catalog.catalog.bulk import undo_chunk
from dashboardcatalog.v1 import bulk_session_pb2
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.ingesting import ANN, BOB, stored, tags_of, update
from tests.service.streams import Stream

pytestmark = pytest.mark.usefixtures("superset")

Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def logs() -> Iterator[Lines]:
    """Everything that is logged during the test."""
    with capture_logs(processors=[add_call]) as lines:
        yield lines


def chart(name: str, service: str = "superset", **fields: Any) -> Json:
    return {"chart": {"name": name, "service": service, **fields}}


def dashboard(name: str, *charts: str, service: str = "superset", **fields: Any) -> Json:
    return {"dashboard": {"name": name, "service": service, "charts": [f"superset.{one}" for one in charts], **fields}}


async def load(caller: Caller, *chunks: list[Json], **options: Any) -> str:
    """Loads chunks in a session of its own and returns its id."""
    total = sum(map(len, chunks))
    loaded = await caller.bulk(*chunks, options=options, finish={"totalItems": total})
    assert (loaded.refused, loaded.failures) == (None, {})
    return str(loaded.started["sessionId"])


async def undo(
    caller: Caller, session_id: str, *, validate_only: bool = False
) -> tuple[int, int, set[tuple[str, str, str]]]:
    """Reverts a session and returns how much was reverted, how much was skipped, and what was skipped."""
    *progress, last = await caller.stream("RevertSession", session_id=session_id, validate_only=validate_only)
    summary = last["summary"]
    reverted, skipped = int(summary.get("reverted", 0)), int(summary.get("skipped", 0))
    if progress:
        shown = progress[-1]["progress"]
        assert (int(shown.get("reverted", 0)), int(shown.get("skipped", 0))) == (reverted, skipped)
    sample = {
        (
            one["kind"].removeprefix("KIND_").lower(),
            one["fullyQualifiedName"],
            one["reason"].removeprefix("BULK_REVERT_SKIP_"),
        )
        for one in summary.get("sample", [])
    }
    return reverted, skipped, sample


SPEC: Json = {
    "displayName": "One",
    "description": "first",
    "owners": ANN,
    "domain": "finance",
    "tags": [{"tagFQN": "PII.Email"}],
    "extension": {"costCentre": "a", "budget": 1},
    "project": "P",
    "sourceHash": "h1",
}


async def test_assets_get_the_content_that_they_had_before_the_session(bot: Caller, admin: Caller) -> None:
    await load(bot, [dashboard("d1", "c1", "c2", **SPEC), dashboard("d2", **SPEC)])
    before = await stored(admin)
    changed: Json = {
        "displayName": "Two",
        "owners": BOB,
        "tags": [{"tagFQN": "Tier.Gold"}],
        "extension": {"costCentre": None, "budget": 2},
        "sourceHash": "h2",
        "dashboardType": "Report",
    }
    # In two chunks: the second one must not lead back to the first one only.
    session_id = await load(
        bot,
        [dashboard("d1", "c3", **changed), dashboard("d2", **SPEC)],
        [dashboard("d1", "c1", **changed, description="second")],
        updateMask="domain,project",
    )

    assert await undo(admin, session_id) == (1, 0, set())

    after = await stored(admin)
    same = ("version", "updatedAt", "updatedBy", "changeDescription", "etag")
    assert {key: after[key] for key in after if key not in same} == {
        key: before[key] for key in before if key not in same
    }
    assert (after["version"], after["updatedBy"], after.get("edited")) == (0.4, "admin", None)
    assert (await stored(admin, "d2"))["version"] == 0.1


async def test_marks_become_those_of_the_version_and_nothing_is_marked(bot: Caller, admin: Caller) -> None:
    await load(bot, [dashboard("d1", displayName="One")])
    await update(admin, description="by hand", tags=[{"tagFQN": "PII.Email"}])
    session_id = await load(
        admin, [dashboard("d1", displayName="Two", tags=[{"tagFQN": "Tier.Gold"}])], overrideMetadata=True
    )
    overridden = await stored(admin)

    assert await undo(admin, session_id) == (1, 0, set())

    after = await stored(admin)
    assert overridden["edited"] == {"fields": ["description", "display_name"], "tags": ["PII.Email", "Tier.Gold"]}
    assert after["edited"] == {"fields": ["description"], "tags": ["PII.Email"]}
    assert (after["displayName"], after["description"], tags_of(after)) == ("One", "by hand", ["PII.Email"])
    # The digest was cleared: the same load takes another look, and is ingestion again.
    await load(bot, [dashboard("d1", displayName="Three", description="by load")])
    again = await stored(admin)
    assert (again["displayName"], again["description"]) == ("Three", "by hand")


async def test_what_was_created_is_deleted_with_its_charts_and_not_suppressed(bot: Caller, admin: Caller) -> None:
    await load(bot, [chart("old")])
    session_id = await load(bot, [chart("new"), chart("alone")], [dashboard("d1", "new", "old")])

    assert await undo(admin, session_id) == (3, 0, set())

    for name, kind in (("d1", "dashboard"), ("new", "chart"), ("alone", "chart")):
        assert (await stored(admin, name, kind))["deleted"], name
    assert "deleted" not in await stored(admin, "old", "chart")
    # What went along with the dashboard comes back with it.
    await admin.restore_dashboard(fully_qualified_name="superset.d1")
    assert "deleted" not in await stored(admin, "new", "chart")
    assert (await stored(admin, "alone", "chart"))["deleted"]
    outcomes = await bot.bulk([chart("alone")], options={"resultView": "RESULT_VIEW_ALL"})
    assert outcomes.outcome(0) == "RESTORED"


async def test_what_was_swept_or_restored_is_as_it_was(bot: Caller, admin: Caller) -> None:
    every = [chart(name) for name in ("c1", "c2", "c3", "k1", "k2")]
    await load(bot, every, [dashboard("swept", "k1"), dashboard("kept", "k1", "k2"), dashboard("dead", "k2")])
    await admin.delete_dashboard(fully_qualified_name="superset.dead")
    deleted = await stored(admin, "dead")
    sweep = {"service": "superset", "sweep": {"maxDeletedPercent": 100}}
    session_id = await load(
        admin, [dashboard("kept"), *every[:3], dashboard("dead")], **sweep, updateMask="charts", overrideMetadata=True
    )
    gone = [await stored(admin, name, "chart") for name in ("k1", "k2")]

    assert await undo(admin, session_id) == (5, 0, set())

    assert all(one["deleted"] for one in gone)
    for name, kind in (("swept", "dashboard"), ("k1", "chart"), ("k2", "chart"), ("kept", "dashboard")):
        assert "deleted" not in await stored(admin, name, kind), name
    assert [one["name"] for one in (await stored(admin, "kept"))["charts"]] == ["k1", "k2"]
    # An override had restored what people deleted; they have deleted it again.
    assert (await stored(admin, "dead"))["deleted"]
    assert [one["name"] for one in (await stored(admin, "dead"))["charts"]] == [
        one["name"] for one in deleted["charts"]
    ]
    outcomes = await bot.bulk([dashboard("dead", displayName="x")], options={"resultView": "RESULT_VIEW_ALL"})
    assert outcomes.outcome(0) == "SUPPRESSED"


async def test_what_others_have_touched_since_is_left_alone(bot: Caller, admin: Caller) -> None:
    await load(bot, [dashboard(name, displayName="One") for name in ("d1", "d2", "d3", "d4")])
    async with Stream(bot) as stream:
        await stream.send(*(dashboard(name, displayName="Two") for name in ("d1", "d2", "d3", "d4")))
        session_id = (await stream.read())["started"]["sessionId"]
        await stream.read_until(4)
        # Somebody writes between two versions of the session.
        await update(admin, name="d3", description="between")
        await stream.send(dashboard("d3", displayName="Three"), chart("mine"), chart("theirs"))
        await stream.send({"entity": {"domain": {"name": "new"}}}, {"entity": {"domain": {"name": "newer"}}})
        assert (await stream.end()).refused is None
    await update(admin, name="d2", description="since")
    await admin.upsert_dashboard(dashboard={"name": "x", "service": "superset", "charts": ["superset.theirs"]})
    d4 = (await stored(admin, "d4"))["id"]
    await admin.delete_dashboard(fully_qualified_name="superset.d4")
    await admin.delete_dashboard(fully_qualified_name="superset.d4", hard=True)
    expected = {
        ("dashboard", "superset.d2", "CHANGED_SINCE"),
        ("dashboard", "superset.d3", "CHANGED_SINCE"),
        ("chart", "superset.theirs", "CHANGED_SINCE"),
        ("dashboard", d4, "REMOVED"),
        ("domain", "new", "ENTITY"),
        ("domain", "newer", "ENTITY"),
    }

    rehearsed = await undo(admin, session_id, validate_only=True)
    assert (await stored(admin, "d1"))["displayName"] == "Two"
    reverted = await undo(admin, session_id)
    again = await undo(admin, session_id)

    assert rehearsed == reverted == (2, 6, expected)
    assert again == (0, 6, expected)
    names = [(await stored(admin, name))["displayName"] for name in ("d1", "d2", "d3")]
    assert names == ["One", "Two", "Three"]
    # What was put back and edited after that counts as put back.
    await update(admin, name="d1", description="later")
    assert await undo(admin, session_id) == (0, 6, expected)
    assert (await stored(admin))["description"] == "later"


async def test_assets_of_several_services_go_back_together(bot: Caller, admin: Caller) -> None:
    await load(bot, [chart("k", "superset")], [dashboard("far", "k", service="looker")])
    sweep = {"service": "superset", "sweep": {"maxDeletedPercent": 100}}
    session_id = await load(
        bot,
        [chart("c1"), chart("c2"), chart("c3"), chart("fresh")],
        [dashboard("far", "fresh", service="looker")],
        **sweep,
    )

    assert await undo(admin, session_id) == (3, 0, set())

    far = (await admin.get_dashboard(fully_qualified_name="looker.far"))["dashboard"]
    assert [(one["name"], one.get("deleted", False)) for one in far["charts"]] == [("k", False)]
    assert (await stored(admin, "fresh", "chart"))["deleted"]


async def test_a_session_of_before_an_upgrade_is_put_back_as_well(bot: Caller, admin: Caller, service: Service) -> None:
    await load(bot, [dashboard("d1", displayName="One")])
    session_id = await load(bot, [dashboard("d1", displayName="Two"), chart("new")])
    async with service.database._writers.begin() as connection:
        await connection.execute(text("UPDATE bulk_session SET changes = '{}'"))

    assert await undo(admin, session_id) == (2, 0, set())
    assert await undo(admin, session_id) == (0, 0, set())
    assert (await stored(admin))["displayName"] == "One"


async def test_a_session_that_wrote_nothing_is_looked_for_in_no_bi_service(
    bot: Caller, admin: Caller, service: Service
) -> None:
    await load(bot, [dashboard("d1")])
    session_id = await load(bot, [dashboard("d1")], service="superset", sweep={"maxDeletedPercent": 50})
    assert await undo(admin, session_id) == (0, 0, set())
    async with service.database._readers.connect() as connection:
        kept = await connection.execute(text("SELECT changes FROM bulk_session WHERE reverted_at IS NOT NULL"))
        assert str(kept.scalar_one()) == "{}"


async def test_it_stops_after_its_chunk_and_goes_on_when_called_again(
    bot: Caller, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo_chunk, "CHUNK_SIZE", 3)
    names = [f"d{number}" for number in range(8)]
    await load(bot, [dashboard(name, displayName="One") for name in names])
    session_id = await load(
        bot,
        [chart("a"), chart("b"), dashboard("made", "a", "b"), *(dashboard(name, displayName="Two") for name in names)],
        [dashboard("made", "a", "b", displayName="Again")],
    )
    call = admin._stubs["Entit"].RevertSession(
        bulk_session_pb2.RevertSessionRequest(session_id=session_id), metadata=admin.metadata
    )
    first = (await call.read()).progress
    call.cancel()

    reverted, skipped, _ = await undo(admin, session_id)

    # The newest three versions are those of two dashboards and of the one that takes along its charts.
    assert (first.done, first.reverted, skipped) == (3, 5, 0)
    assert reverted <= 6
    for name in names:
        assert ((await stored(admin, name))["displayName"], (await stored(admin, name))["version"]) == ("One", 0.3)
    assert [(await stored(admin, name, "chart"))["version"] for name in ("a", "b")] == [0.2, 0.2]
    await admin.restore_dashboard(fully_qualified_name="superset.made")
    assert [one.get("deleted", False) for one in (await stored(admin, "made"))["charts"]] == [False, False]


async def test_a_session_that_is_put_back_cannot_go_on_and_one_that_runs_is_not_put_back(
    bot: Caller, admin: Caller
) -> None:
    options: Json = {"sessionId": str(uuid4())}
    async with Stream(bot) as stream:
        await stream.send(chart("a"), options=options)
        await stream.read_until(1)
        with pytest.raises(Refused) as running:
            await undo(admin, options["sessionId"])
        assert (running.value.code, running.value.reason) == ("FAILED_PRECONDITION", "SESSION_RUNNING")
        await stream.end()
    assert await undo(admin, options["sessionId"], validate_only=True) == (1, 0, set())
    assert (await bot.bulk([chart("a")], options=options)).refused is None

    assert await undo(admin, options["sessionId"]) == (1, 0, set())

    refused = (await bot.bulk([chart("a")], options=options)).refused
    assert refused is not None
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "SESSION_REVERTED")
    state = (await bot.get_bulk_session(session_id=options["sessionId"]))["session"]["state"]
    assert state == "BULK_SESSION_STATE_REVERTED"


async def test_who_may_revert_a_session(service: Service, bot: Caller, admin: Caller, logs: Lines) -> None:
    session_id = await load(bot, [chart("a"), chart("x", "looker")], service="superset")
    for caller, reason in ((bot, "ACTION_DENIED"), (service.caller("stella", "data_steward"), "NOT_FOUND")):
        with pytest.raises(Refused) as refused:
            await undo(caller, session_id)
        assert refused.value.reason == reason
    with pytest.raises(Refused) as refused:
        await undo(admin, str(uuid4()))
    assert refused.value.reason == "NOT_FOUND"
    logs.clear()

    limited = service.caller("other", "admin", services=["superset"])
    # What they may not view is counted, not named.
    assert await undo(limited, session_id) == (1, 1, set())

    lines = [line for line in logs if line["event"] in ("undo_chunk_written", "session_reverted", "denied")]
    assert [line["event"] for line in lines] == [
        "undo_chunk_written",
        "denied",
        "undo_chunk_written",
        "session_reverted",
    ]
    assert all(line["subject"] == "other" and line["call_id"] for line in lines)
    last = {key: lines[-1][key] for key in ("session", "reverted", "skipped", "validate_only", "complete")}
    assert last == {
        "session": session_id,
        "reverted": 1,
        "skipped": 1,
        "validate_only": False,
        "complete": True,
    }
    assert await undo(admin, session_id) == (1, 0, set())
