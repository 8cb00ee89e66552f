"""The bulk option `missing_references`: items that refer to what is not there fail, do without it, or have it made."""

from typing import Any

import pytest

from tests.service.caller import Bulk, Caller, Json, Refused, Service
from tests.service.ingesting import ANN, stored, tags_of, update

pytestmark = pytest.mark.usefixtures("superset")

EVERYTHING: Json = {
    "charts": ["superset.c1", "superset.gone", "looker.gone"],
    "owners": [*ANN, {"type": "user", "name": "j.doe"}],
    "domain": "nowhere",
    "tags": [{"tagFQN": "PII.Email"}, {"tagFQN": "PII.New"}, {"tagFQN": "New.One"}],
    "extension": {"costCentre": "a", "unheardOf": 1},
}
LEFT_OUT = [
    "charts.superset.gone",
    "charts.looker.gone",
    "owners.user:j.doe",
    "domain",
    "tags.PII.New",
    "tags.New.One",
    "extension.unheardOf",
]


def dashboard(name: str = "d1", **fields: Any) -> Json:
    return {"dashboard": {"name": name, "service": "superset", **fields}}


async def load(caller: Caller, *items: Json, missing: str = "DROP", **options: Any) -> Bulk:
    bulk = await caller.bulk(items, options={"missingReferences": f"MISSING_REFERENCES_{missing}", **options})
    assert bulk.refused is None, bulk.refused
    return bulk


def left_out(bulk: Bulk) -> list[list[str]]:
    return [result.get("leftOut", []) for result in bulk.results]


async def test_an_item_fails_by_default(bot: Caller) -> None:
    for missing in ("UNSPECIFIED", "FAIL"):
        failed = await load(bot, dashboard(**EVERYTHING), missing=missing)
        assert (failed.counts, len(failed.failures[0])) == ({"failed": 1}, len(LEFT_OUT))


async def test_what_is_missing_is_dropped_and_named_in_every_view(bot: Caller, admin: Caller) -> None:
    first = await load(bot, dashboard(**EVERYTHING), dashboard("d2", owners=ANN))
    again = await load(bot, dashboard(**EVERYTHING), dashboard("d2", owners=ANN))

    # The other item has no result in this view, and is recognised by its digest the second time.
    assert (first.counts, again.counts) == ({"created": 2}, {"unchanged": 2})
    assert (left_out(first), left_out(again)) == ([LEFT_OUT], [LEFT_OUT])
    assert (first.results[0]["outcome"], again.results[0]["version"]) == ("OUTCOME_CREATED", 0.1)
    asset = await stored(admin)
    assert [one["name"] for one in asset["charts"]] == ["c1"]
    assert [one["name"] for one in asset["owners"]] == ["ann"]
    assert (tags_of(asset), asset["extension"], "domains" in asset) == (["PII.Email"], {"costCentre": "a"}, False)
    # When it exists, the same item adds it.
    await admin.upsert_entity(entity={"user": {"name": "j.doe"}})
    third = await load(bot, dashboard(**EVERYTHING))
    assert left_out(third) == [[part for part in LEFT_OUT if part != "owners.user:j.doe"]]
    assert [one["name"] for one in (await stored(admin))["owners"]] == ["ann", "j.doe"]


async def test_what_nothing_is_left_of_stays_as_it_is(bot: Caller, admin: Caller) -> None:
    await load(bot, dashboard(owners=ANN, domain="finance", tags=[{"tagFQN": "PII.Email"}], charts=["superset.c1"]))
    nothing: Json = {
        "owners": [{"type": "team", "name": "nobody"}],
        "domain": "nowhere",
        "tags": [{"tagFQN": "No.Tag"}],
        "charts": ["superset.gone"],
    }

    await load(bot, dashboard(**nothing))
    kept = await stored(admin)
    await load(bot, dashboard(**nothing), updateMask="owners,domain,tags,charts")
    cleared = await stored(admin)

    assert kept["version"] == 0.1
    assert (kept["owners"][0]["name"], kept["domains"][0]["name"], tags_of(kept)) == ("ann", "finance", ["PII.Email"])
    assert [cleared.get(field) for field in ("owners", "domains", "tags", "charts")] == [None] * 4


async def test_what_is_deleted_or_has_failed_is_missing_too_unless_it_exists(bot: Caller, admin: Caller) -> None:
    await admin.delete_entity(kind="KIND_USER", fully_qualified_name="bob")
    await bot.bulk([{"chart": {"name": "swept", "service": "superset"}}])
    failing = [{"chart": {"name": name, "service": "superset", "owners": [{"type": "user"}]}} for name in ("c2", "new")]
    item = dashboard(
        owners=[{"type": "user", "name": "bob"}], charts=["superset.c2", "superset.new"], extension={"budget": "x"}
    )

    for missing in ("DROP", "CREATE"):
        loaded = await load(bot, *failing, item, missing=missing, service="superset")
        assert loaded.failures[2] == {"dashboard.extension.budget": "INVALID_PROPERTY"}
        del item["dashboard"]["extension"]
        loaded = await load(bot, *failing, item, missing=missing, service="superset")
        assert left_out(loaded)[2:] == [["charts.superset.new", "owners.user:bob"]]
        assert [one["name"] for one in (await stored(admin))["charts"]] == ["c2"]
        item["dashboard"]["extension"] = {"budget": "x"}
    assert (await admin.get_entity(kind="KIND_USER", fully_qualified_name="bob"))["entity"]["user"]["deleted"]
    absent = await load(bot, {"dashboard": {"name": "d", "service": "nowhere"}})
    assert absent.failures == {0: {"dashboard.service": "UNKNOWN_REFERENCE"}}


async def test_what_people_have_decided_needs_nothing(bot: Caller, admin: Caller) -> None:
    await load(bot, dashboard(owners=ANN))
    await update(admin, owners=[{"type": "user", "name": "bob"}])

    loaded = await load(
        admin, dashboard(owners=[{"type": "user", "name": "new"}]), missing="CREATE", resultView="RESULT_VIEW_ALL"
    )

    assert (loaded.results[0]["keptFields"], left_out(loaded)) == (["owners"], [[]])
    with pytest.raises(Refused):
        await admin.get_entity(kind="KIND_USER", fully_qualified_name="new")


async def test_what_is_missing_is_created_by_name(admin: Caller) -> None:
    items = [
        dashboard(**EVERYTHING),
        dashboard("d2", owners=[{"type": "team", "name": "new team"}], charts=["superset.gone", "superset.bad::name"]),
    ]
    loaded = Bulk()
    expected = [["charts.looker.gone", "domain", "extension.unheardOf"], ["charts.superset.bad::name"]]
    for validate_only in (True, False):
        loaded = await load(admin, *items, missing="CREATE", service="superset", validateOnly=validate_only)
        assert (loaded.counts, left_out(loaded)) == ({"created": 2}, expected)

    user = (await admin.get_entity(kind="KIND_USER", fully_qualified_name='"j.doe"'))["entity"]["user"]
    team = (await admin.get_entity(kind="KIND_TEAM", fully_qualified_name="new team"))["entity"]["team"]
    assert (user["name"], team["teamType"]) == ("j.doe", "Group")
    assert tags_of(await stored(admin)) == ["New.One", "PII.Email", "PII.New"]
    chart = await stored(admin, "gone", "chart")
    assert (chart["version"], chart["updatedBy"]) == (0.1, "admin")
    again = await load(admin, *items, missing="CREATE", service="superset")
    assert (again.counts, left_out(again)) == ({"unchanged": 2}, expected)
    # The session made the chart, so it is put back with it.
    reverted = await admin.stream("RevertSession", session_id=loaded.started["sessionId"])
    assert reverted[-1]["summary"]["reverted"] == "3"
    assert (await stored(admin, "gone", "chart"))["deleted"]


async def test_what_the_caller_may_not_create_is_dropped(bot: Caller, admin: Caller, service: Service) -> None:
    limited = service.caller("loader", "ingestion_bot", services=["superset"])
    # A bot may write classifications and tags, but not users; nobody may restore a classification in passing.
    await admin.upsert_entity(entity={"classification": {"name": "Dead"}})
    await admin.delete_entity(kind="KIND_CLASSIFICATION", fully_qualified_name="Dead")
    item = dashboard(
        **EVERYTHING | {"tags": [{"tagFQN": "New.One"}, {"tagFQN": "Dead.One"}, {"tagFQN": "Deeper.New.One"}]}
    )
    for caller, home in ((bot, ""), (limited, "looker")):
        loaded = await load(caller, item, missing="CREATE", service=home)
        assert left_out(loaded) == [
            [
                "charts.superset.gone",
                "charts.looker.gone",
                "owners.user:j.doe",
                "domain",
                "tags.Dead.One",
                "tags.Deeper.New.One",
                "extension.unheardOf",
            ]
        ]
    found = await admin.get_entity(kind="KIND_CLASSIFICATION", fully_qualified_name="Dead")
    assert found["entity"]["classification"]["deleted"]
