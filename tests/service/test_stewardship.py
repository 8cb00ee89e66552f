"""Edits win over ingestion: what people decided of an asset, ingestion leaves as it is, and refreshes the rest."""

import asyncio
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import pytest

from tests.service.assets import all_rows, each_kind, fqns
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.ingesting import ingest, ingest_one, labels, stored, tags_of

ANN, BOB = [{"type": "user", "name": "ann"}], [{"type": "user", "name": "bob"}]


class Part(NamedTuple):
    """A stewarded part of an asset.

    Attributes:
        kept: How `kept_fields` names it.
        mark: Its mark in `edited`.
        values: What is ingested first, what an edit sets, what is ingested then.
        read: The value that an asset shows, None for none.
    """

    kept: str
    mark: Json
    values: list[Any]
    read: Callable[[Json], Any]


def _label(state: str, label_type: str = "Manual") -> list[Json]:
    return [{"tagFQN": "PII.Email", "labelType": label_type, "state": state, "source": "Classification"}]


PARTS = {
    "displayName": Part("display_name", {"fields": ["display_name"]}, ["A", "B", "C"], lambda d: d.get("displayName")),
    "description": Part("description", {"fields": ["description"]}, ["a", "b", "c"], lambda d: d.get("description")),
    "owners": Part(
        "owners",
        {"fields": ["owners"]},
        [ANN, BOB, [{"type": "team", "name": "sales"}]],
        lambda d: [{"type": o["type"], "name": o["name"]} for o in d.get("owners", [])] or None,
    ),
    "domain": Part(
        "domain",
        {"fields": ["domain"]},
        ["finance", "finance.tax", "sales"],
        lambda d: next(iter(fqns(d.get("domains", []))), None),
    ),
    "tags": Part(
        "tags.PII.Email",
        {"tags": ["PII.Email"]},
        [_label("Confirmed"), _label("Suggested"), _label("Confirmed", "Derived")],
        lambda d: d.get("tags"),
    ),
    "extension": Part(
        "extension.costCentre",
        {"extensionKeys": ["costCentre"]},
        [{"costCentre": "1"}, {"costCentre": "2"}, {"costCentre": "3"}],
        lambda d: d.get("extension"),
    ),
}
EDITS = ("sets", "changes", "clears", "repeats")
INGESTIONS = ("same", "other", "nothing", "clears")


@pytest.fixture
async def both_kinds(superset: Caller) -> Caller:
    """A domain and a property more, so that both kinds of assets can bear every part."""
    entities: list[Json] = [
        {"domain": {"name": "sales"}},
        {"customProperty": {"name": "costCentre", "appliesTo": "chart", "propertyType": "string"}},
    ]
    for entity in entities:
        await superset.upsert_entity(entity=entity)
    return superset


@each_kind
async def test_what_an_edit_sets_changes_or_clears_is_left_by_ingestion_and_what_it_repeats_is_not(
    both_kinds: Caller, kind: str
) -> None:
    """Every part, in everything that an edit and then ingestion can do with it."""
    cases = [f"{part} {edit} {sent}" for part, edit, sent in product(PARTS, EDITS, INGESTIONS)]
    await ingest(both_kinds, *[_first(case) for case in cases], kind=kind)
    await asyncio.gather(*[_edit(both_kinds, kind, case) for case in cases])
    edited = {case: await stored(both_kinds, case, kind) for case in cases}
    clearing = [case for case in cases if case.endswith("clears")]
    sending = [case for case in cases if case not in clearing]
    mask = ",".join(PARTS)
    told = dict(
        zip(clearing, await ingest(both_kinds, *[{"name": c} for c in clearing], kind=kind, mask=mask), strict=True)
    )
    told |= dict(zip(sending, await ingest(both_kinds, *[_second(case) for case in sending], kind=kind), strict=True))

    for case in cases:
        part, edit, sent = PARTS[case.split()[0]], *case.split()[1:]
        first, by_edit, other = part.values
        decided = {"sets": by_edit, "changes": by_edit, "clears": None, "repeats": first}[edit]
        wanted = {"same": decided, "other": other, "nothing": decided, "clears": None}[sent]
        marked = edit != "repeats"
        kept = marked and wanted != decided
        assert part.read(edited[case]) == decided, case
        assert edited[case].get("edited") == (part.mark if marked else None), case

        after = await stored(both_kinds, case, kind)

        assert part.read(after) == (decided if marked else wanted), case
        assert told[case].kept == ([part.kept] if kept else []), case
        assert told[case].outcome == ("UNCHANGED" if marked or wanted == decided else "UPDATED"), case
        assert after.get("edited") == edited[case].get("edited"), case
        if told[case].outcome == "UNCHANGED":
            assert after == edited[case], case


def _first(case: str) -> Json:
    part, edit, _ = case.split()
    return {"name": case} | ({} if edit == "sets" else {part: PARTS[part].values[0]})


async def _edit(caller: Caller, kind: str, case: str) -> None:
    part, edit, _ = case.split()
    first, by_edit, _ = PARTS[part].values
    value = {"sets": by_edit, "changes": by_edit, "clears": None, "repeats": first}[edit]
    update = getattr(caller, f"update_{kind}")
    spec = {} if value is None else {part: value}
    await update(fully_qualified_name=f"superset.{case}", update_mask=part, **{kind: spec})


def _second(case: str) -> Json:
    part, edit, sent = case.split()
    first, by_edit, other = PARTS[part].values
    decided = {"sets": by_edit, "changes": by_edit, "clears": None, "repeats": first}[edit]
    value = {"same": decided, "other": other, "nothing": None}[sent]
    return {"name": case} | ({} if value is None else {part: value})


async def test_bulk_upsert_by_anybody_and_every_call_of_a_bot_is_ingestion_and_all_else_an_edit(
    service: Service, superset: Caller
) -> None:
    """What ingests leaves no mark; a bot is told by the claim or by the role."""
    robot = service.caller("robot", "data_steward", bot=True)
    loader = service.caller("loader", "ingestion_bot")
    owner = service.caller("ann")
    steward = service.caller("stella", "data_steward")

    await ingest(superset, {"name": "bulk", "displayName": "A", "owners": ANN})
    for bot in (robot, loader):
        subject = "robot" if bot is robot else "loader"
        await bot.create_dashboard(dashboard=_spec(f"{subject} creates", displayName="A"))
        await bot.upsert_dashboard(dashboard=_spec(f"{subject} upserts", displayName="A"))
        for changed in (f"{subject} creates", f"{subject} upserts"):
            await _update(bot, changed, "displayName", displayName="B")

    listed = await superset.list_dashboards()
    assert [d["name"] for d in listed["dashboards"] if d.get("edited")] == []
    assert [d["displayName"] for d in listed["dashboards"]] == ["A", *["B"] * 4]

    await steward.create_dashboard(dashboard=_spec("created", displayName="A"))
    await steward.upsert_dashboard(dashboard=_spec("upserted", displayName="A"))
    for editor, name in ((steward, "loader creates"), (superset, "robot upserts"), (owner, "bulk")):
        await _update(editor, name, "displayName", displayName="C")

    for name in ("created", "upserted", "loader creates", "robot upserts", "bulk"):
        assert (await stored(superset, name))["edited"] == {"fields": ["display_name"]}, name


async def test_each_way_of_ingestion_leaves_what_people_decided(superset: Caller, bot: Caller) -> None:
    await superset.create_dashboard(dashboard=_spec("d1", description="by people", sourceUrl="https://a"))
    spec = _spec("d1", description="by the tool", sourceUrl="https://b")

    upserted = await bot.upsert_dashboard(dashboard=spec)
    updated = await _update(bot, "d1", "description", "sourceUrl", description="x", sourceUrl="https://c")
    cleared = await _update(bot, "d1", "description", "sourceUrl")
    bulk = await ingest_one(superset, description="by the tool", sourceUrl="https://d")

    assert upserted["keptFields"] == ["description"]
    assert upserted["outcome"] == "OUTCOME_UPDATED"
    assert (upserted["dashboard"]["description"], upserted["dashboard"]["sourceUrl"]) == ("by people", "https://b")
    assert (updated["description"], updated["sourceUrl"], updated["version"]) == ("by people", "https://c", 0.3)
    assert (cleared["description"], cleared.get("sourceUrl"), cleared["version"]) == ("by people", None, 0.4)
    assert (bulk.outcome, bulk.kept, bulk.version) == ("UPDATED", ["description"], 0.5)


async def test_an_edit_meets_no_marks_and_is_told_of_nothing_kept(superset: Caller, steward: Caller) -> None:
    await superset.create_dashboard(dashboard=_spec("d1", description="one", tags=labels("PII.Email")))

    answer = await steward.upsert_dashboard(dashboard=_spec("d1", description="two", tags=labels("PII.Phone")))

    assert answer["dashboard"]["description"] == "two"
    assert tags_of(answer["dashboard"]) == ["PII.Phone"]
    assert "keptFields" not in answer


async def test_a_mark_stays_when_an_edit_returns_to_what_ingestion_says(superset: Caller) -> None:
    await ingest_one(superset, displayName="A")
    await _update(superset, "d1", "displayName", displayName="B")
    await _update(superset, "d1", "displayName", displayName="A")

    told = await ingest_one(superset, displayName="Z")

    assert told.kept == ["display_name"]
    assert (await stored(superset))["displayName"] == "A"


async def test_ingestion_fills_what_people_left_empty(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=_spec("d1", displayName="A"))

    told = await ingest_one(superset, displayName="Z", owners=ANN, domain="finance", description="new")

    dashboard = await stored(superset)
    assert (told.outcome, told.kept) == ("UPDATED", ["display_name"])
    assert dashboard["owners"][0]["name"] == "ann"
    assert fqns(dashboard["domains"]) == ["finance"]
    assert dashboard["description"] == "new"
    assert dashboard["edited"] == {"fields": ["display_name"]}


async def test_owners_in_another_order_are_no_edit(superset: Caller) -> None:
    await ingest_one(superset, owners=ANN + BOB)

    answer = await superset.upsert_dashboard(dashboard=_spec("d1", owners=BOB + ANN))

    assert answer["outcome"] == "OUTCOME_UNCHANGED"
    assert "edited" not in answer["dashboard"]


async def test_everything_else_is_always_refreshed(superset: Caller) -> None:
    await superset.create_dashboard(
        dashboard=_spec(
            "d1", sourceUrl="https://a", project="a", dashboardType="Report", charts=["superset.c1", "superset.c2"]
        )
    )
    await superset.create_chart(chart=_spec("k1", sourceUrl="https://a", chartType="Bar"))

    fresh = {"sourceUrl": "https://b", "project": "b", "dashboardType": "Dashboard", "charts": ["superset.c2"]}
    dashboard = await ingest_one(superset, **fresh)
    chart = (await ingest(superset, {"name": "k1", "sourceUrl": "https://b", "chartType": "Pie"}, kind="chart"))[0]

    assert (dashboard.outcome, dashboard.kept) == (chart.outcome, chart.kept) == ("UPDATED", [])
    after = await stored(superset)
    assert fqns(after.pop("charts")) == ["superset.c2"]
    assert (after["sourceUrl"], after["project"], after["dashboardType"]) == ("https://b", "b", "Dashboard")
    assert "edited" not in after
    after = await stored(superset, "k1", "chart")
    assert (after["sourceUrl"], after["chartType"], after.get("edited")) == ("https://b", "Pie", None)

    cleared = await ingest_one(superset, mask="sourceUrl,project,charts")

    after = await stored(superset)
    assert cleared.outcome == "UPDATED"
    assert not {"sourceUrl", "project", "charts"} & after.keys()


async def test_ingested_tags_replace_unmarked_labels_and_stay_beside_marked_ones(superset: Caller) -> None:
    await ingest_one(superset, tags=labels("PII.Email", "Tier.Gold"))
    await _update(superset, "d1", "tags", tags=labels("PII.Email", "Tier.Gold", "PII.Phone"))
    assert (await stored(superset))["edited"] == {"tags": ["PII.Phone"]}

    told = await ingest_one(superset, tags=labels("Tier.Silver"))

    after = await stored(superset)
    assert (told.outcome, told.kept) == ("UPDATED", ["tags.PII.Phone"])
    assert tags_of(after) == ["PII.Phone", "Tier.Silver"]
    assert after["edited"] == {"tags": ["PII.Phone"]}


async def test_a_label_that_people_took_off_is_not_put_on_again(superset: Caller) -> None:
    await ingest_one(superset, tags=labels("PII.Email", "PII.Phone"))
    await _update(superset, "d1", "tags", tags=labels("PII.Phone"))

    told = await ingest_one(superset, tags=labels("PII.Email", "PII.Phone", "Tier.Gold"))

    after = await stored(superset)
    assert told.kept == ["tags.PII.Email"]
    assert tags_of(after) == ["PII.Phone", "Tier.Gold"]
    assert after["edited"] == {"tags": ["PII.Email"]}


async def test_an_ingested_label_that_excludes_a_marked_one_is_left_out_and_named(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=_spec("d1", tags=labels("Tier.Gold")))

    told = await ingest_one(superset, tags=labels("PII.Email", "Tier.Silver"))

    assert sorted(told.kept) == ["tags.Tier.Gold", "tags.Tier.Silver"]
    assert tags_of(await stored(superset)) == ["PII.Email", "Tier.Gold"]


async def test_a_label_that_people_took_off_excludes_nothing(superset: Caller) -> None:
    await ingest_one(superset, tags=labels("Tier.Gold"))
    await _update(superset, "d1", "tags")

    told = await ingest_one(superset, tags=labels("Tier.Silver"))

    assert told.kept == []
    assert tags_of(await stored(superset)) == ["Tier.Silver"]


async def test_an_edit_may_exchange_an_ingested_label_for_one_that_excludes_it(superset: Caller) -> None:
    await ingest_one(superset, tags=labels("Tier.Gold"))
    edited = await _update(superset, "d1", "tags", tags=labels("Tier.Silver"))
    assert edited["edited"] == {"tags": ["Tier.Gold", "Tier.Silver"]}

    told = await ingest_one(superset, tags=labels("Tier.Gold"))

    assert (told.outcome, sorted(told.kept)) == ("UNCHANGED", ["tags.Tier.Gold", "tags.Tier.Silver"])
    assert tags_of(await stored(superset)) == ["Tier.Silver"]


async def test_extension_is_decided_key_by_key(superset: Caller) -> None:
    await ingest_one(superset, extension={"costCentre": "1", "budget": 1})
    edited = await superset.upsert_dashboard(dashboard=_spec("d1", extension={"budget": None}))
    assert edited["dashboard"]["extension"] == {"costCentre": "1"}
    assert edited["dashboard"]["edited"] == {"extensionKeys": ["budget"]}

    told = await ingest_one(superset, extension={"costCentre": "2", "budget": 2})

    assert (told.outcome, told.kept) == ("UPDATED", ["extension.budget"])
    assert (await stored(superset))["extension"] == {"costCentre": "2"}

    # A key that ingestion sends as null is cleared, but not one that is marked.
    await superset.upsert_dashboard(dashboard=_spec("d1", extension={"budget": 3}))
    told = await ingest_one(superset, extension={"costCentre": None, "budget": None})

    assert (told.outcome, told.kept) == ("UPDATED", ["extension.budget"])
    assert (await stored(superset))["extension"] == {"budget": 3}


async def test_everything_that_is_kept_is_named_at_once_and_every_time(superset: Caller) -> None:
    await superset.create_dashboard(
        dashboard=_spec(
            "d1",
            displayName="A",
            description="a",
            owners=ANN,
            domain="finance",
            tags=_label("Suggested"),
            extension={"costCentre": "1", "budget": 1},
        )
    )
    sent = {
        "displayName": "B",
        "description": "b",
        "owners": BOB,
        "domain": "finance.tax",
        "tags": labels("PII.Email"),
        "extension": {"costCentre": "2", "budget": None},
    }

    told = [await ingest_one(superset, **sent) for _ in range(2)]

    kept = ["description", "display_name", "domain", "extension.budget", "extension.costCentre", "owners"]
    assert [(one.outcome, sorted(one.kept)) for one in told] == [("UNCHANGED", [*kept, "tags.PII.Email"])] * 2
    marks = (await stored(superset))["edited"]
    assert {part: sorted(names) for part, names in marks.items()} == {
        "fields": ["description", "display_name", "domain", "owners"],
        "tags": ["PII.Email"],
        "extensionKeys": ["budget", "costCentre"],
    }


async def test_what_is_left_alone_may_refer_to_what_is_gone(superset: Caller) -> None:
    """Only references that a write adds must exist."""
    await ingest_one(superset, owners=ANN, domain="finance.tax", tags=labels("PII.Email", "PII.Phone"))
    await _update(superset, "d1", "owners", "domain", "tags", owners=BOB, domain="finance")
    for kind, fqn in (("USER", "ann"), ("DOMAIN", "finance.tax"), ("TAG", "PII.Email")):
        await superset.delete_entity(kind=f"KIND_{kind}", fully_qualified_name=fqn)
    await superset.upsert_entity(entity={"tag": {"name": "Phone", "classification": "PII", "disabled": True}})

    told = await ingest_one(
        superset,
        displayName="new",
        owners=ANN,
        domain="finance.tax",
        tags=labels("PII.Email", "PII.Phone"),
    )

    assert told.refused == {}
    assert told.outcome == "UPDATED"
    assert sorted(told.kept) == ["domain", "owners", "tags.PII.Email", "tags.PII.Phone"]


async def test_a_marked_value_is_compared_in_the_form_that_is_stored(superset: Caller) -> None:
    config = {"values": ["a", "b", "c"], "multiSelect": True}
    definition = {"name": "audience", "appliesTo": "dashboard", "propertyType": "enum", "config": config}
    await superset.upsert_entity(entity={"customProperty": definition})
    await superset.create_dashboard(dashboard=_spec("d1", extension={"audience": ["b", "a"]}))

    same = await ingest_one(superset, extension={"audience": ["b", "a"]})
    wrong = await ingest_one(superset, extension={"audience": ["nobody"]})

    assert (same.outcome, same.kept) == ("UNCHANGED", [])
    assert (wrong.outcome, wrong.kept) == ("UNCHANGED", ["extension.audience"])


async def test_override_metadata_writes_as_an_edit_would(superset: Caller) -> None:
    await superset.create_dashboard(
        dashboard=_spec("d1", displayName="A", description="a", owners=ANN, tags=labels("Tier.Gold", "PII.Email"))
    )

    told = await ingest_one(superset, override=True, displayName="B", owners=BOB, tags=labels("Tier.Silver"))

    after = await stored(superset)
    assert (told.outcome, told.kept) == ("UPDATED", [])
    assert (after["displayName"], after["owners"][0]["name"], tags_of(after)) == ("B", "bob", ["Tier.Silver"])
    assert after["description"] == "a", "override erases nothing by omission"

    # What it wrote is marked like any edit.
    told = await ingest_one(superset, name="d2", override=True, displayName="A", domain="finance")
    again = await ingest_one(superset, name="d2", displayName="Z", domain="finance.tax", description="z")

    after = await stored(superset, "d2")
    assert (told.outcome, again.kept) == ("CREATED", ["display_name", "domain"])
    assert (after["displayName"], after["description"]) == ("A", "z")
    assert after["edited"] == {"fields": ["display_name", "domain"]}


async def test_override_metadata_without_the_right_is_refused_item_by_item(
    service: Service, superset: Caller, bot: Caller, steward: Caller
) -> None:
    await superset.create_dashboard(dashboard=_spec("d1", displayName="A"))
    before = await all_rows(service.database)

    for caller in (bot, steward):
        told = await ingest(caller, {"name": "d1", "displayName": "B"}, {"name": "new"}, override=True)
        assert [one.refused for one in told] == [{"": "ACTION_DENIED"}] * 2

    assert await all_rows(service.database) == before


async def test_marks_survive_deletion_and_restoration(superset: Caller, bot: Caller) -> None:
    await superset.create_dashboard(dashboard=_spec("d1", displayName="A"))
    await bot.delete_dashboard(fully_qualified_name="superset.d1")

    told = await ingest_one(superset, displayName="B", sourceUrl="https://b")

    after = await stored(superset)
    assert (told.outcome, told.kept, told.version) == ("RESTORED", ["display_name"], 0.3)
    assert (after["displayName"], after["sourceUrl"]) == ("A", "https://b")
    assert after["edited"] == {"fields": ["display_name"]}


async def test_an_older_version_shows_the_marks_it_had(superset: Caller) -> None:
    await ingest_one(superset, displayName="A")
    await _update(superset, "d1", "displayName", displayName="B")
    await _update(superset, "d1", "description", description="b")

    get = superset.get_dashboard
    marks = [
        (await get(fully_qualified_name="superset.d1", version=version))["dashboard"].get("edited")
        for version in (0.1, 0.2, 0.3)
    ]

    assert marks == [None, {"fields": ["display_name"]}, {"fields": ["display_name", "description"]}]


async def test_an_edit_that_is_only_validated_marks_nothing(service: Service, superset: Caller) -> None:
    await ingest_one(superset, displayName="A")
    before = await all_rows(service.database)

    answer = await superset.update_dashboard(
        fully_qualified_name="superset.d1",
        dashboard={"displayName": "B"},
        update_mask="displayName",
        validate_only=True,
    )

    assert answer["dashboard"]["edited"] == {"fields": ["display_name"]}
    assert await all_rows(service.database) == before


async def test_a_refused_edit_marks_nothing(service: Service, superset: Caller) -> None:
    await ingest_one(superset, displayName="A")
    before = await all_rows(service.database)

    with pytest.raises(Refused):
        await _update(superset, "d1", "displayName", "domain", displayName="B", domain="nowhere")

    assert await all_rows(service.database) == before


def _spec(name: str, **fields: Any) -> Json:
    return {"name": name, "service": "superset", **fields}


async def _update(caller: Caller, name: str, *mask: str, **fields: Any) -> Json:
    answer = await caller.update_dashboard(
        fully_qualified_name=f"superset.{name}", dashboard=fields, update_mask=",".join(mask)
    )
    dashboard: Json = answer["dashboard"]
    return dashboard
