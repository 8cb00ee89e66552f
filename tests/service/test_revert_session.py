"""RevertSession puts back what a bulk session wrote, and leaves alone what others have touched since."""

from typing import Any

import pytest

from tests.service.caller import Caller, Json
from tests.service.ingesting import ANN, BOB, stored, tags_of, update
from tests.service.streams import Stream

pytestmark = pytest.mark.usefixtures("superset")


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
    changed = {
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
