"""What the bulk option `missing_references` creates, for whom, and what it leaves alone."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from dashboard_catalog.catalog.bulk.session import Session
from tests.service.assets import all_rows
from tests.service.caller import Bulk, Caller, Json, Refused, Service
from tests.service.counting import counted
from tests.service.ingesting import ALL_RESULTS, ANN, stored, tags_of, update

pytestmark = pytest.mark.usefixtures("superset")

RICH: Json = {
    "charts": ["superset.c1", "superset.new", "looker.new"],
    "owners": [*ANN, {"type": "user", "name": "j.doe"}],
    "domain": "nowhere",
    "tags": [{"tagFQN": "PII.Email"}, {"tagFQN": "PII.New"}, {"tagFQN": "New.One"}],
    "extension": {"costCentre": "a", "unheardOf": 1},
}


def _item(name: str = "d1", **fields: Any) -> Json:
    return {"dashboard": {"name": name, "service": "superset", **fields}}


async def _load(caller: Caller, *items: Json, missing: str = "DROP", **options: Any) -> Bulk:
    bulk = await caller.bulk(items, options={"missingReferences": f"MISSING_REFERENCES_{missing}", **options})
    assert bulk.refused is None, bulk.refused
    return bulk


def _left_out(bulk: Bulk) -> dict[int, list[str]]:
    return {int(each.get("offset", 0)): each["leftOut"] for each in bulk.results if "leftOut" in each}


def _references(bulk: Bulk) -> dict[str, int]:
    created = bulk.summary.get("createdReferences", ())
    return {one["kind"].removeprefix("KIND_"): int(one["count"]) for one in created}


async def _exist(caller: Caller, kind: str, *fqns: str) -> list[bool]:
    found = []
    for fqn in fqns:
        try:
            await caller.get_entity(kind=f"KIND_{kind.upper()}", fully_qualified_name=fqn)
        except Refused as refused:
            found.append(refused.code != "NOT_FOUND")
        else:
            found.append(True)
    return found


async def test_what_does_not_fit_and_a_missing_service_still_fail(bot: Caller, admin: Caller) -> None:
    await admin.upsert_entity(entity={"tag": {"name": "Old", "classification": "PII", "disabled": True}})
    for missing in ("DROP", "CREATE"):
        loaded = await _load(
            bot,
            _item(extension={"budget": "x"}),
            _item("d2", tags=[{"tagFQN": "PII.Old"}]),
            _item("d3", tags=[{"tagFQN": "Tier.Gold"}, {"tagFQN": "Tier.Silver"}]),
            _item("d4", owners=[*ANN, {"type": "team", "name": "sales"}]),
            {"dashboard": {"name": "d5", "service": "nowhere", "charts": ["nowhere.c1"]}},
            {"entity": {"tag": {"name": "x", "classification": "nowhere"}}},
            missing=missing,
            service="nowhere",
        )
        assert loaded.failures == {
            0: {"dashboard.extension.budget": "INVALID_PROPERTY"},
            1: {"dashboard.tags[0].tag_fqn": "DISABLED_TAG"},
            2: {"dashboard.tags[1].tag_fqn": "MUTUALLY_EXCLUSIVE"},
            3: {"dashboard.owners": "OWNER_RULE"},
            4: {"dashboard.service": "UNKNOWN_REFERENCE"},
            5: {"entity.tag.classification": "UNKNOWN_REFERENCE"},
        }


async def test_what_people_have_decided_stays_and_needs_nothing(bot: Caller, admin: Caller) -> None:
    await _load(bot, _item(owners=ANN))
    await update(admin, owners=[{"type": "user", "name": "bob"}])
    for missing in ("DROP", "CREATE"):
        loaded = await _load(bot, _item(owners=[{"type": "user", "name": "new"}, *ANN]), missing=missing, **ALL_RESULTS)
        assert (loaded.results[0]["keptFields"], _left_out(loaded)) == (["owners"], {})
    # Nor does an item that is refused, or that people have deleted.
    await admin.delete_dashboard(fully_qualified_name="superset.d1")
    await _load(
        bot,
        _item(tags=[{"tagFQN": "Un.Used"}]),
        _item("d2", tags=[{"tagFQN": "Un.Used"}], extension={"budget": "x"}),
        # These exclude each other, so neither is created.
        _item("d3", tags=[{"tagFQN": "Tier.New"}, {"tagFQN": "Tier.Gold"}]),
        missing="CREATE",
    )
    assert await _exist(admin, "user", "new") == [False]
    assert await _exist(admin, "classification", "Un") == [False]
    assert await _exist(admin, "tag", "Tier.New") == [False]


async def test_what_is_missing_is_created_by_name(service: Service, admin: Caller) -> None:
    items = [
        _item(**RICH),
        _item("d2", owners=[{"type": "team", "name": "crew"}], charts=["superset.new", "superset.bad::name"]),
        {"chart": {"name": "c9", "service": "superset", "tags": [{"tagFQN": "New.Two"}]}},
    ]
    options: Json = {"service": "superset", "missing": "CREATE"}
    left_out = {0: ["charts.looker.new", "domain", "extension.unheardOf"], 1: ["charts.superset.bad::name"]}

    before = await all_rows(service.database)
    rehearsed = await _load(admin, *items, **options, validateOnly=True)
    assert await all_rows(service.database) == before
    loaded = await _load(admin, *items, **options)

    for bulk in (rehearsed, loaded):
        # What was created for them is counted apart.
        assert (bulk.counts, _left_out(bulk)) == ({"created": 3}, left_out)
        assert _references(bulk) == {"CHART": 1, "CLASSIFICATION": 1, "TAG": 3, "TEAM": 1, "USER": 1}
    assert await _exist(admin, "user", '"j.doe"') == [True]
    team = (await admin.get_entity(kind="KIND_TEAM", fully_qualified_name="crew"))["entity"]["team"]
    assert (team["teamType"], team["updatedBy"]) == ("Group", "admin")
    assert tags_of(await stored(admin)) == ["New.One", "PII.Email", "PII.New"]
    chart = await stored(admin, "new", "chart")
    assert (chart["version"], chart["byIngestion"], chart.get("edited")) == (0.1, True, None)
    again = await _load(admin, *items, **options)
    assert (again.counts, _left_out(again), _references(again)) == ({"unchanged": 3}, left_out, {})


async def test_what_the_caller_may_not_create_is_dropped(service: Service, bot: Caller, admin: Caller) -> None:
    limited = service.caller("loader", "ingestion_bot", services=["superset"])
    await admin.upsert_entity(entity={"classification": {"name": "Dead"}})
    await admin.delete_entity(kind="KIND_CLASSIFICATION", fully_qualified_name="Dead")
    tags = [{"tagFQN": fqn} for fqn in ("New.One", "Dead.One", "Deep.New.One")]
    expected = ["owners.user:j.doe", "domain", "tags.Dead.One", "tags.Deep.New.One", "extension.unheardOf"]
    item = _item(**RICH | {"tags": tags})

    for caller, home, charts in (
        (bot, "", ["charts.superset.new", "charts.looker.new"]),
        # A limited token may not create charts elsewhere, also where it may not know that there is one.
        (limited, "looker", ["charts.superset.new", "charts.looker.new"]),
        (limited, "superset", ["charts.looker.new"]),
    ):
        for validate_only in (True, False):
            loaded = await _load(caller, item, missing="CREATE", service=home, validateOnly=validate_only)
            assert _left_out(loaded) == {0: [*charts, *expected]}
    hidden = await _load(limited, _item(charts=["looker.c1"]), missing="CREATE", service="looker")
    assert _left_out(hidden) == {0: ["charts.looker.c1"]}
    assert (await stored(admin, "new", "chart"))["updatedBy"] == "loader"
    found = await admin.get_entity(kind="KIND_CLASSIFICATION", fully_qualified_name="Dead")
    assert found["entity"]["classification"]["deleted"]
    assert await _exist(admin, "classification", "New", "Deep") == [True, False]


async def test_former_names_exist(bot: Caller, admin: Caller) -> None:
    await admin.rename_chart(fully_qualified_name="superset.c1", new_name="c1 today")
    await admin.rename_entity(kind="KIND_CLASSIFICATION", fully_qualified_name="PII", new_name="Private")
    await admin.rename_entity(kind="KIND_BI_SERVICE", fully_qualified_name="superset", new_name="sup")
    item = _item(charts=["superset.c1", "superset.new"], tags=[{"tagFQN": "PII.Email"}, {"tagFQN": "PII.New"}])
    for home in ("superset", "sup"):
        loaded = await _load(bot, item, missing="CREATE", service=home)
        assert _left_out(loaded) == {}
        item["dashboard"]["charts"].append("superset.newer")
    asset = (await admin.get_dashboard(fully_qualified_name="sup.d1"))["dashboard"]
    assert [each["fullyQualifiedName"] for each in asset["charts"]] == ["sup.c1 today", "sup.new", "sup.newer"]
    assert tags_of(asset) == ["Private.Email", "Private.New"]
    assert await _exist(admin, "classification", "PII") == [False]


async def test_a_chart_that_a_sweep_deleted_comes_back_and_one_that_people_deleted_does_not(
    bot: Caller, admin: Caller
) -> None:
    async def swept(*charts: str) -> Bulk:
        items = [
            _item(charts=[f"superset.{name}" for name in charts]),
            {"chart": {"name": "c9", "service": "superset"}},
        ]
        options = {"missingReferences": "MISSING_REFERENCES_CREATE", "service": "superset", "sweep": {}}
        bulk = await bot.bulk(items, options=options, finish={"totalItems": 2})
        assert bulk.refused is None, bulk.refused
        return bulk

    # What a session creates counts as mentioned by the dashboard.
    assert (await swept("a", "b")).summary["sweep"]["sample"] == ["superset.c1", "superset.c2", "superset.c3"]
    assert (await swept("b")).summary["sweep"]["sample"] == ["superset.a"]
    back = await swept("a", "b")
    assert (back.counts, _left_out(back)) == ({"updated": 1, "unchanged": 1}, {})
    assert (await stored(admin, "a", "chart")).get("deleted", False) is False
    await admin.delete_chart(fully_qualified_name="superset.a")
    for caller, options in ((bot, {}), (admin, {"overrideMetadata": True})):
        gone = await _load(caller, _item(charts=["superset.a"]), missing="CREATE", service="superset", **options)
        assert _left_out(gone) == ({0: ["charts.superset.a"]} if options else {})
        assert (await stored(admin, "a", "chart"))["deleted"]


async def test_a_session_is_resumed_with_the_same_option_and_needs_not_create_everything(
    bot: Caller, admin: Caller
) -> None:
    options: Json = {
        "sessionId": str(uuid4()),
        "missingReferences": "MISSING_REFERENCES_CREATE",
        "service": "superset",
    }
    first = {"items": [_item(charts=["superset.new"], tags=[{"tagFQN": "New.One"}], domain="no")]}
    second = {"offset": 1, "items": [_item("d2", charts=["superset.newer"], tags=[{"tagFQN": "New.Two"}])]}
    # As if a server had died between its two transactions, with a part of what is missing.
    await bot.upsert_chart(chart={"name": "new", "service": "superset"})
    await bot.upsert_entity(entity={"classification": {"name": "New"}})

    broken = await bot.bulk(first, {"offset": 9, "items": []}, options=options)
    other = await bot.bulk(second, options=options | {"missingReferences": "MISSING_REFERENCES_DROP"})
    resumed = await bot.bulk(second, options=options)

    assert (broken.refused and broken.refused.code, _left_out(broken)) == ("OUT_OF_RANGE", {0: ["domain"]})
    assert other.refused
    assert other.refused.violations == {"options.session_id": "INVALID_VALUE"}
    assert (resumed.started["nextOffset"], resumed.counts, _left_out(resumed)) == ("1", {"created": 2}, {})
    # Of the whole session, and without what others have created.
    assert _references(resumed) == {"CHART": 1, "TAG": 2}
    shown = [(await stored(admin, name))["charts"][0]["name"] for name in ("d1", "d2")]
    assert shown == ["new", "newer"]
    assert await _exist(admin, "tag", "New.One", "New.Two") == [True, True]


async def test_creation_takes_one_more_commit_however_much_is_missing(service: Service, bot: Caller) -> None:
    def items(first: int, size: int, *, missing: bool = True) -> Sequence[Json]:
        charts = [f"superset.{'m' if missing else 'c1'}{n if missing else ''}" for n in range(first, first + size)]
        tags = [{"tagFQN": f"PII.{first}" if missing else "PII.Email"}]
        return [_item(f"d{first + n}", charts=charts[n : n + 1], tags=tags) for n in range(size)]

    taken: list[tuple[int, int]] = []
    for first, size, missing in ((0, 5, True), (100, 300, True), (1000, 300, False), (2000, 300, False)):
        policy = "CREATE" if first < 2000 else "FAIL"
        # So that the server remembers what exists.
        await _load(bot, *items(first + 5000, 5, missing=False), missing=policy, service="superset")
        with counted(service.database) as calls:
            loaded = await _load(bot, *items(first, size, missing=missing), missing=policy, service="superset")
        assert (loaded.counts, _left_out(loaded)) == ({"created": size}, {})
        taken.append((len(calls.statements), calls.commits))
    assert taken[0] == taken[1]
    # A chunk that misses nothing takes what it takes without the option.
    assert taken[2] == taken[3]
    assert taken[1][1] == taken[2][1] + 1


async def test_what_goes_away_while_other_things_are_created_is_created_as_well(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, calls = Session._create, 0

    async def create_and_remove(session: Session, *args: Any) -> None:
        nonlocal calls
        calls += 1
        await create(session, *args)
        if calls == 1:
            await admin.delete_entity(kind="KIND_USER", fully_qualified_name="bob", hard=True)

    monkeypatch.setattr(Session, "_create", create_and_remove)
    owners = [{"type": "user", "name": name} for name in ("bob", "new")]
    loaded = await _load(admin, _item(owners=owners), missing="CREATE")

    assert (calls, loaded.counts, _left_out(loaded)) == (2, {"created": 1}, {})
    assert [each["name"] for each in (await stored(admin))["owners"]] == ["bob", "new"]
