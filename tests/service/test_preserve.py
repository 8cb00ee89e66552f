"""The bulk option preserve: who may use it, what it refuses, and what it accepts."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.assets import all_rows
from tests.service.caller import Bulk, Caller, Json, Service
from tests.service.exports import Item, as_item, export, import_

THEN = "2024-02-29T12:00:00.000001Z"


def preserved(**given: Any) -> Json:
    return {"id": str(uuid4()), "version": 0.1, "updatedAt": THEN, "updatedBy": "ann"} | given


def dashboard(name: str = "d1", spec: Json | None = None, **given: Any) -> Json:
    return {"dashboard": {"name": name, "service": "superset"} | (spec or {}), "preserved": preserved(**given)}


def user(name: str, **given: Any) -> Json:
    kept = preserved(**given)
    return {
        "entity": {"user": {"name": name}},
        "preserved": {k: v for k, v in kept.items() if k != "version" or k in given},
    }


async def send(caller: Caller, *items: Json, **options: Any) -> Bulk:
    return await caller.bulk(list(items), options={"preserve": True, **options})


@pytest.mark.usefixtures("superset")
async def test_only_admins_may_preserve(service: Service, bot: Caller, steward: Caller) -> None:
    before = await all_rows(service.database)
    for caller in (bot, steward, service.caller("both", "data_steward", "ingestion_bot")):
        sent = await send(caller, dashboard(), user("new"))
        assert sent.failures == {0: {"": "ACTION_DENIED"}, 1: {"": "ACTION_DENIED"}}
    assert await all_rows(service.database) == before


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"sweep": {}, "service": "superset"}, "options.sweep"),
        ({"updateMask": "owners"}, "options.update_mask"),
    ],
)
async def test_options_that_do_not_go_with_it_are_refused(superset: Caller, options: Json, field: str) -> None:
    sent = await send(superset, dashboard(), **options)
    assert sent.refused is not None
    assert sent.refused.violations == {field: "INVALID_VALUE"}


async def test_what_cannot_be_preserved_is_refused_item_by_item(service: Service, superset: Caller) -> None:
    change = {"fieldsAdded": [{"name": "charts", "newValue": "superset.c1"}]}
    expected: list[tuple[Json, dict[str, str]]] = [
        ({"dashboard": dashboard()["dashboard"]}, {"preserved": "REQUIRED"}),
        (dashboard("a", updatedAt="2999-01-01T00:00:00Z"), {"preserved.updated_at": "INVALID_VALUE"}),
        (dashboard("a1", updatedAt="0001-01-01T00:00:00Z"), {"preserved.updated_at": "INVALID_VALUE"}),
        (dashboard("b", version=0.25), {"preserved.version": "INVALID_VALUE"}),
        # There would be no room for further versions.
        (dashboard("b1", version=2**31 / 10), {"preserved.version": "INVALID_VALUE"}),
        (dashboard("b2", version=(2**31 - 1) / 10), {"preserved.version": "INVALID_VALUE"}),
        (dashboard("c", id="7"), {"preserved.id": "INVALID_FORMAT"}),
        (dashboard("d", changeDescription=change), {"preserved.change_description": "INVALID_VALUE"}),
        (dashboard("e", edited={"tags": ["PII.None"]}), {"preserved.edited.tags[0]": "UNKNOWN_REFERENCE"}),
        (dashboard("f", {"charts": ["superset.none"]}), {"dashboard.charts[0]": "UNKNOWN_REFERENCE"}),
        (dashboard("g", {"service": "none"}), {"dashboard.service": "UNKNOWN_REFERENCE"}),
        (user("x", version=0.1), {"preserved.version": "INVALID_VALUE"}),
    ]
    without_version = dashboard("h")
    del without_version["preserved"]["version"]
    expected.append((without_version, {"preserved.version": "REQUIRED"}))
    before = await all_rows(service.database)

    sent = await send(superset, *(item for item, _ in expected))

    assert sent.failures == {place: refused for place, (_, refused) in enumerate(expected)}
    assert await all_rows(service.database) == before
    other = await superset.bulk([dashboard()])
    assert other.failures == {0: {"preserved": "INVALID_VALUE"}}


async def test_names_and_ids_must_be_free(superset: Caller) -> None:
    await superset.create_dashboard(dashboard={"name": "deleted", "service": "looker"})
    gone = (await superset.delete_dashboard(fully_qualified_name="looker.deleted"))["dashboard"]
    chart = (await superset.get_chart(fully_qualified_name="superset.c1"))["chart"]
    ann = (await superset.get_entity(kind="KIND_USER", fully_qualified_name="ann"))["entity"]["user"]
    same, taken = str(uuid4()), {"": "ALREADY_EXISTS"}

    sent = await send(
        superset,
        # Also by what is deleted, and by another BI service.
        dashboard("deleted", {"service": "looker"}),
        dashboard("a", id=gone["id"]),
        # Of another kind.
        dashboard("b", id=chart["id"]),
        dashboard("c", id=same),
        dashboard("d", id=same),
        user("ann"),
        user("new", id=ann["id"]),
        {"entity": {"classification": {"name": "new"}}, "preserved": user("", id=ann["id"])["preserved"]},
        user("e", id=same),
        user("f", id=same),
    )

    assert sent.failures == {0: taken, 1: taken, 4: taken, 5: taken, 6: taken, 7: taken, 9: taken}
    assert sent.counts == {"created": 3, "failed": 7}


async def test_rules_that_came_later_do_not_matter(superset: Caller) -> None:
    """What was stored once may break the rules of today: deleted references, disabled tags, other properties."""
    await superset.upsert_entity(entity={"tag": {"name": "Phone", "classification": "PII", "disabled": True}})
    await superset.delete_entity(kind="KIND_USER", fully_qualified_name="bob")
    await superset.delete_chart(fully_qualified_name="superset.c1")
    await superset.delete_entity(kind="KIND_BI_SERVICE", fully_qualified_name="looker")
    spec = {
        "charts": ["superset.c1", "looker.c1"],
        "owners": [{"type": "user", "name": "bob"}],
        "tags": [{"tagFQN": "PII.Phone"}, {"tagFQN": "Tier.Gold"}, {"tagFQN": "Tier.Silver"}],
        "extension": {"budget": "no integer", "unknown": {"type": "user", "name": "none"}},
    }

    sent = await send(
        superset,
        dashboard("d1", spec),
        dashboard("d2", {"service": "looker"}),
        dashboard("d3", {"owners": [{"type": "team", "name": "emea"}]}),
        {"entity": {"team": {"name": "t", "parents": ["sales"]}}, "preserved": user("")["preserved"]},
    )

    assert sent.failures == {}
    found = (await superset.get_dashboard(fully_qualified_name="superset.d1"))["dashboard"]
    assert [chart["name"] for chart in found["charts"]] == ["c1", "c1"]
    assert found["extension"] == spec["extension"]


async def test_an_import_can_do_without_what_is_missing(superset: Caller) -> None:
    """A part of a catalog may refer to what does not come with it."""
    spec = {"charts": ["superset.c1", "other.c"], "owners": [{"type": "user", "name": "none"}], "domain": "none"}
    sent = await send(
        superset,
        dashboard("d1", spec, edited={"tags": ["PII.None", "PII.Email"]}),
        missingReferences="MISSING_REFERENCES_DROP",
    )
    assert sent.failures == {}
    assert sorted(sent.results[0]["leftOut"]) == ["charts.other.c", "domain", "owners.user:none"]
    found = (await superset.get_dashboard(fully_qualified_name="superset.d1"))["dashboard"]
    assert [chart["name"] for chart in found["charts"]] == ["c1"]
    assert found["edited"] == {"tags": ["PII.Email"]}


async def test_ingestion_goes_on_with_what_was_imported(superset: Caller, bot: Caller) -> None:
    """The marks, the deletions and the versions count as they did where they come from."""
    kept = {"edited": {"fields": ["display_name"]}, "ingested": True, "version": 1.2}
    await send(
        superset,
        dashboard("d1", {"displayName": "A", "description": "a"}, **kept),
        dashboard("gone", deleted=True, deletedByEdit=True),
    )

    sent = await bot.bulk(
        [
            {"dashboard": {"name": "d1", "service": "superset", "displayName": "B", "description": "b"}},
            {"dashboard": {"name": "gone", "service": "superset"}},
        ],
        options={"resultView": "RESULT_VIEW_ALL"},
    )

    assert [sent.outcome(0), sent.outcome(1)] == ["UPDATED", "SUPPRESSED"]
    found = (await superset.get_dashboard(fully_qualified_name="superset.d1"))["dashboard"]
    assert (found["displayName"], found["description"], found["version"]) == ("A", "b", 1.3)
    swept = await bot.bulk(
        [{"dashboard": {"name": "d2", "service": "superset"}}],
        options={"service": "superset", "sweep": {"maxDeletedPercent": 100}},
        finish={"totalItems": 1},
    )
    assert swept.summary["sweep"]["deleted"] == "1"


async def test_a_rehearsal_imports_nothing(service: Service, superset: Caller) -> None:
    before = await all_rows(service.database)
    sent = await send(
        superset, user("new"), dashboard("d1", {"owners": [{"type": "user", "name": "new"}]}), validateOnly=True
    )
    assert sent.counts == {"created": 2}
    assert await all_rows(service.database) == before


IDS = st.uuids().map(str)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
OWNERS = st.sampled_from(
    [[{"type": "team", "name": "sales"}], [{"type": "user", "name": "ann"}, {"type": "user", "name": "bob"}]]
)
TAGS = st.lists(
    st.fixed_dictionaries(
        {"tagFQN": st.sampled_from(["PII.Email", "PII.Phone", "Tier.Gold"])},
        optional={"state": st.just("Suggested"), "labelType": st.just("Derived")},
    ),
    unique_by=lambda label: label["tagFQN"],
    max_size=3,
)
NAMED = st.sampled_from(["ann", "sales", "gone", str(UUID(int=5))]) | IDS
CHANGES = st.one_of(
    st.fixed_dictionaries({"name": st.just("owners"), "newValue": st.lists(NAMED, min_size=1, max_size=2)}),
    st.fixed_dictionaries(
        {"name": st.just("charts"), "newValue": st.lists(st.sampled_from(["superset.c1", "x.gone"]))}
    ),
    st.fixed_dictionaries(
        {
            "name": st.just("tags"),
            "newValue": TAGS.map(
                lambda tags: [
                    {"tagFQN": tag["tagFQN"], "source": "Classification", "labelType": "Manual", "state": "Confirmed"}
                    for tag in tags
                ]
            ),
        }
    ),
    st.fixed_dictionaries({"name": st.just("extension.a"), "newValue": VALUES.filter(lambda value: value is not None)}),
)
SPECS: dict[str, st.SearchStrategy[Any]] = {
    "displayName": TEXTS,
    "description": TEXTS,
    "owners": OWNERS,
    "domain": st.sampled_from(["finance", "finance.tax"]),
    "tags": TAGS,
    "extension": st.dictionaries(
        st.sampled_from(["costCentre", "b c"]), VALUES.filter(lambda value: value is not None)
    ),
    "sourceHash": st.just("f" * 32),
    "charts": st.permutations(["superset.c1", "superset.c2", "looker.c1"]),
    # Writing the default is no change, so an export does not have it.
    "dashboardType": st.just("Report"),
    "project": TEXTS,
}
PRESERVED: dict[str, st.SearchStrategy[Any]] = {
    "byIngestion": st.booleans(),
    "ingested": st.booleans(),
    "deleted": st.booleans(),
    "deletedByEdit": st.booleans(),
    "deletedWith": IDS,
    "edited": st.fixed_dictionaries(
        {},
        optional={
            "fields": st.lists(st.sampled_from(["owners", "domain"]), unique=True),
            "tags": st.lists(st.sampled_from(["PII.Email", "Tier.Gold"]), unique=True).map(sorted),
            "extensionKeys": st.lists(TEXTS, unique=True).map(sorted),
        },
    ),
    "changeDescription": st.fixed_dictionaries(
        {"previousVersion": st.integers(0, 40).map(lambda tenths: tenths / 10)},
        optional={"fieldsAdded": st.lists(CHANGES, max_size=3)},
    ),
}
ITEMS = st.builds(
    lambda spec, kept, seconds, tenths: {
        "dashboard": spec,
        "preserved": {"version": tenths / 10, "updatedAt": f"2024-01-01T00:00:{seconds:09.6f}Z", "updatedBy": "ann"}
        | kept,
    },
    st.fixed_dictionaries({}, optional=SPECS),
    st.fixed_dictionaries({}, optional=PRESERVED),
    st.integers(0, 59_999_999).map(lambda micros: micros / 1e6),
    st.integers(1, 50),
)


@pytest.fixture
async def small_catalog(superset: Caller) -> None:
    """The small catalog. Hypothesis cannot pass callers on, since they have every attribute."""


@pytest.mark.usefixtures("small_catalog")
@settings(max_examples=8)
@given(st.lists(ITEMS, min_size=1, max_size=8))
async def test_what_is_imported_is_exported(service: Service, items: list[Json]) -> None:
    """Any items that are imported into a BI service are what an export of it has."""
    admin = service.caller("admin", "admin")
    # Nothing of an example before it is in the way.
    name = f"s{uuid4()}"
    await admin.upsert_entity(entity={"biService": {"name": name, "serviceType": "Looker"}})
    sent = [_complete(item, name, place) for place, item in enumerate(items)]

    imported = await import_(admin, sent)
    exported = await export(admin, services=[name], kinds=["KIND_DASHBOARD"], deleted="DELETED_INCLUDE")

    assert imported.failures == {}
    assert exported.items == sent


def _complete(item: Json, service: str, place: int) -> Item:
    spec = {"name": f"d {place}", "service": service} | {k: v for k, v in item["dashboard"].items() if v != []}
    made = as_item({"dashboard": spec, "preserved": {"id": str(uuid4())} | item["preserved"]})
    for label in made.dashboard.tags:
        label.source = "Classification"
        label.state = label.state or "Confirmed"
        label.label_type = label.label_type or "Manual"
    if not made.dashboard.extension.fields:
        made.dashboard.ClearField("extension")
    if not made.preserved.edited.ListFields():
        made.preserved.ClearField("edited")
    return made
