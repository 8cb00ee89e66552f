"""Edits win over ingestion: ingestion never overwrites what people have edited, and refreshes everything else."""

import asyncio
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import pytest

from tests.service.assets import all_rows, each_kind, fqns
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.ingesting import ANN, BOB, ingest, ingest_one, labels, spec, stored, tags_of, update


class Part(NamedTuple):
    """A stewarded part of an asset.

    Attributes:
        kept: Its name in `kept_fields`.
        mark: Its mark in `edited`.
        values: What is ingested first, what an edit sets, what is ingested then.
        read: The value that an asset shows, None for none.
    """

    kept: str
    mark: Json
    values: list[Any]
    read: Callable[[Json], Any]


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
        [labels("PII.Email"), labels("PII.Email", state="Suggested"), labels("PII.Email", label_type="Derived")],
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
    """The admin, with another domain and property, so that both kinds of assets can have every part."""
    entities: list[Json] = [
        {"domain": {"name": "sales"}},
        {"customProperty": {"name": "costCentre", "appliesTo": "chart", "propertyType": "string"}},
    ]
    for entity in entities:
        await superset.upsert_entity(entity=entity)
    return superset


@each_kind
async def test_ingestion_keeps_every_part_that_an_edit_changed_and_refreshes_the_others(
    both_kinds: Caller, kind: str
) -> None:
    """Tests every part with every combination of an edit and a later ingestion."""
    cases = [f"{part} {edit} {sent}" for part, edit, sent in product(PARTS, EDITS, INGESTIONS)]
    await ingest(both_kinds, *[_first(case) for case in cases], kind=kind)
    await asyncio.gather(*[_edit(both_kinds, kind, case) for case in cases])
    edited = {case: await stored(both_kinds, case, kind) for case in cases}
    clearing = [case for case in cases if case.endswith("clears")]
    sending = [case for case in cases if case not in clearing]
    mask = ",".join(PARTS)
    results = dict(
        zip(clearing, await ingest(both_kinds, *[{"name": c} for c in clearing], kind=kind, mask=mask), strict=True)
    )
    results |= dict(
        zip(sending, await ingest(both_kinds, *[_second(case) for case in sending], kind=kind), strict=True)
    )

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
        assert results[case].kept == ([part.kept] if kept else []), case
        assert results[case].outcome == ("UNCHANGED" if marked or wanted == decided else "UPDATED"), case
        assert after.get("edited") == edited[case].get("edited"), case
        if results[case].outcome == "UNCHANGED":
            assert after == edited[case], case


def _first(case: str) -> Json:
    part, edit, _ = case.split()
    return {"name": case} | ({} if edit == "sets" else {part: PARTS[part].values[0]})


async def _edit(caller: Caller, kind: str, case: str) -> None:
    part, edit, _ = case.split()
    first, by_edit, _ = PARTS[part].values
    value = {"sets": by_edit, "changes": by_edit, "clears": None, "repeats": first}[edit]
    sent = {} if value is None else {part: value}
    call = getattr(caller, f"update_{kind}")
    await call(fully_qualified_name=f"superset.{case}", update_mask=part, **{kind: sent})


def _second(case: str) -> Json:
    part, edit, sent = case.split()
    first, by_edit, other = PARTS[part].values
    decided = {"sets": by_edit, "changes": by_edit, "clears": None, "repeats": first}[edit]
    value = {"same": decided, "other": other, "nothing": None}[sent]
    return {"name": case} | ({} if value is None else {part: value})


async def test_bulk_upsert_and_every_call_of_a_bot_are_ingestion_and_all_other_writes_are_edits(
    service: Service, superset: Caller
) -> None:
    """Ingestion leaves no marks; a bot is recognized by its claim or its role."""
    robot = service.caller("robot", "data_steward", bot=True)
    loader = service.caller("loader", "ingestion_bot")
    owner = service.caller("ann")
    steward = service.caller("stella", "data_steward")

    await ingest(superset, {"name": "bulk", "displayName": "A", "owners": ANN})
    for bot in (robot, loader):
        subject = "robot" if bot is robot else "loader"
        await bot.create_dashboard(dashboard=spec(f"{subject} creates", displayName="A"))
        await bot.upsert_dashboard(dashboard=spec(f"{subject} upserts", displayName="A"))
        for changed in (f"{subject} creates", f"{subject} upserts"):
            await update(bot, name=changed, displayName="B")

    listed = await superset.list_dashboards()
    assert [d["name"] for d in listed["dashboards"] if d.get("edited")] == []
    assert [d["displayName"] for d in listed["dashboards"]] == ["A", *["B"] * 4]

    await steward.create_dashboard(dashboard=spec("created", displayName="A"))
    await steward.upsert_dashboard(dashboard=spec("upserted", displayName="A"))
    for editor, name in ((steward, "loader creates"), (superset, "robot upserts"), (owner, "bulk")):
        await update(editor, name=name, displayName="C")

    for name in ("created", "upserted", "loader creates", "robot upserts", "bulk"):
        assert (await stored(superset, name))["edited"] == {"fields": ["display_name"]}, name


async def test_each_kind_of_ingestion_keeps_what_people_edited(superset: Caller, bot: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(description="by people", sourceUrl="https://a"))
    sent = spec(description="by the tool", sourceUrl="https://b")

    upserted = await bot.upsert_dashboard(dashboard=sent)
    updated = await update(bot, "description", "sourceUrl", description="x", sourceUrl="https://c")
    cleared = await update(bot, "description", "sourceUrl")
    bulk = await ingest_one(superset, description="by the tool", sourceUrl="https://d")

    assert upserted["keptFields"] == ["description"]
    assert upserted["outcome"] == "OUTCOME_UPDATED"
    assert (upserted["dashboard"]["description"], upserted["dashboard"]["sourceUrl"]) == ("by people", "https://b")
    assert (updated["description"], updated["sourceUrl"], updated["version"]) == ("by people", "https://c", 0.3)
    assert (cleared["description"], cleared.get("sourceUrl"), cleared["version"]) == ("by people", None, 0.4)
    assert (bulk.outcome, bulk.kept, bulk.version) == ("UPDATED", ["description"], 0.5)


async def test_marks_do_not_restrict_an_edit_and_it_reports_no_kept_fields(superset: Caller, steward: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(description="one", tags=labels("PII.Email")))

    answer = await steward.upsert_dashboard(dashboard=spec(description="two", tags=labels("PII.Phone")))

    assert answer["dashboard"]["description"] == "two"
    assert tags_of(answer["dashboard"]) == ["PII.Phone"]
    assert "keptFields" not in answer


async def test_a_mark_stays_when_an_edit_returns_to_the_ingested_value(superset: Caller) -> None:
    await ingest_one(superset, displayName="A")
    await update(superset, displayName="B")
    await update(superset, displayName="A")

    result = await ingest_one(superset, displayName="Z")

    assert result.kept == ["display_name"]
    assert (await stored(superset))["displayName"] == "A"


async def test_ingestion_fills_fields_that_people_left_empty(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(displayName="A"))

    result = await ingest_one(superset, displayName="Z", owners=ANN, domain="finance", description="new")

    dashboard = await stored(superset)
    assert (result.outcome, result.kept) == ("UPDATED", ["display_name"])
    assert dashboard["owners"][0]["name"] == "ann"
    assert fqns(dashboard["domains"]) == ["finance"]
    assert dashboard["description"] == "new"
    assert dashboard["edited"] == {"fields": ["display_name"]}


async def test_another_order_of_owners_is_not_an_edit(superset: Caller) -> None:
    await ingest_one(superset, owners=ANN + BOB)

    answer = await superset.upsert_dashboard(dashboard=spec(owners=BOB + ANN))

    assert answer["outcome"] == "OUTCOME_UNCHANGED"
    assert "edited" not in answer["dashboard"]


async def test_fields_that_are_not_stewarded_are_always_refreshed(superset: Caller) -> None:
    await superset.create_dashboard(
        dashboard=spec(
            sourceUrl="https://a", project="a", dashboardType="Report", charts=["superset.c1", "superset.c2"]
        )
    )
    await superset.create_chart(chart=spec("k1", sourceUrl="https://a", chartType="Bar"))

    fresh: Json = {"sourceUrl": "https://b", "project": "b", "dashboardType": "Dashboard", "charts": ["superset.c2"]}
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


async def test_marks_survive_deletion_and_restoration(superset: Caller, bot: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(displayName="A"))
    await bot.delete_dashboard(fully_qualified_name="superset.d1")

    result = await ingest_one(superset, displayName="B", sourceUrl="https://b")

    after = await stored(superset)
    assert (result.outcome, result.kept, result.version) == ("RESTORED", ["display_name"], 0.3)
    assert (after["displayName"], after["sourceUrl"]) == ("A", "https://b")
    assert after["edited"] == {"fields": ["display_name"]}


async def test_an_older_version_shows_its_own_marks(superset: Caller) -> None:
    await ingest_one(superset, displayName="A")
    await update(superset, displayName="B")
    await update(superset, description="b")

    get = superset.get_dashboard
    marks = [
        (await get(fully_qualified_name="superset.d1", version=version))["dashboard"].get("edited")
        for version in (0.1, 0.2, 0.3)
    ]

    assert marks == [None, {"fields": ["display_name"]}, {"fields": ["display_name", "description"]}]


async def test_a_validated_edit_marks_nothing(service: Service, superset: Caller) -> None:
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
        await update(superset, "displayName", "domain", displayName="B", domain="nowhere")

    assert await all_rows(service.database) == before
