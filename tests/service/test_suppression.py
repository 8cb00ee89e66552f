"""Ingestion does not restore what an edit deleted; it may restore what ingestion deleted."""

import pytest

from tests.service.assets import all_rows, each_kind, fqns, history, on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.ingesting import ALL_RESULTS, IngestResult, ingest, ingest_one, labels, spec, stored


@each_kind
async def test_an_asset_that_an_edit_deleted_is_suppressed_and_nothing_is_written(
    service: Service, superset: Caller, bot: Caller, kind: str
) -> None:
    await ingest(superset, {"name": "a1", "displayName": "A"}, kind=kind)
    steward = service.caller("stella", "data_steward")
    await getattr(steward, f"delete_{kind}")(fully_qualified_name="superset.a1")
    before = await all_rows(service.database)
    other = {"name": "a1", "displayName": "B", "sourceHash": "2", "extension": {"costCentre": "1"}}

    same = (await ingest(superset, {"name": "a1", "displayName": "A"}, kind=kind))[0]
    bulk = (await ingest(superset, other, kind=kind, mask="description"))[0]
    unary = await getattr(bot, f"upsert_{kind}")(**{kind: other | {"service": "superset"}})

    assert same == bulk == IngestResult("SUPPRESSED", [], {}, 0.2)
    assert unary["outcome"] == "OUTCOME_SUPPRESSED"
    assert (unary[kind]["deleted"], unary[kind]["displayName"]) == (True, "A")
    assert await all_rows(service.database) == before


async def test_suppressed_items_are_counted_and_do_not_fail(superset: Caller) -> None:
    await ingest(superset, {"name": "d1"}, {"name": "d2"})
    await superset.delete_dashboard(fully_qualified_name="superset.d1")

    bulk = await superset.bulk(
        [{"dashboard": {"name": name, "service": "superset", "displayName": "A"}} for name in ("d1", "d2", "d3")]
    )

    assert bulk.refused is None
    assert bulk.counts == {"created": 1, "updated": 1, "suppressed": 1}
    assert bulk.results == []


async def test_suppression_is_not_revealed_to_a_caller_who_may_not_write(service: Service, superset: Caller) -> None:
    await ingest_one(superset)
    await superset.delete_dashboard(fully_qualified_name="superset.d1")

    result = await ingest_one(service.caller("carl", "data_steward", services=["looker"]))

    assert result.refused == {"": "ACTION_DENIED"}


async def test_a_bot_can_neither_create_nor_update_a_deleted_asset(superset: Caller, bot: Caller) -> None:
    await ingest_one(superset)
    await superset.delete_dashboard(fully_qualified_name="superset.d1")

    with pytest.raises(Refused) as refused:
        await bot.create_dashboard(dashboard=spec())
    assert (refused.value.code, refused.value.metadata["deleted"]) == ("ALREADY_EXISTS", "true")
    with pytest.raises(Refused) as refused:
        await bot.update_dashboard(
            fully_qualified_name="superset.d1", dashboard={"displayName": "A"}, update_mask="displayName"
        )
    assert refused.value.code == "NOT_FOUND"


@each_kind
async def test_a_person_s_upsert_ends_the_suppression(superset: Caller, steward: Caller, kind: str) -> None:
    await ingest(superset, {"name": "a1", "displayName": "A"}, kind=kind)
    await getattr(superset, f"delete_{kind}")(fully_qualified_name="superset.a1")
    assert (await ingest(superset, {"name": "a1"}, kind=kind))[0].outcome == "SUPPRESSED"

    answer = await getattr(steward, f"upsert_{kind}")(**{kind: spec("a1", description="back")})

    assert (answer["outcome"], answer[kind]["version"]) == ("OUTCOME_RESTORED", 0.3)
    assert "deleted" not in answer[kind]
    result = (await ingest(superset, {"name": "a1", "displayName": "B", "description": "b"}, kind=kind))[0]
    assert (result.outcome, result.kept, result.version) == ("UPDATED", ["description"], 0.4)


@each_kind
async def test_a_person_s_restore_ends_the_suppression(superset: Caller, kind: str) -> None:
    await ingest(superset, {"name": "a1", "displayName": "A"}, kind=kind)
    await getattr(superset, f"delete_{kind}")(fully_qualified_name="superset.a1")

    await getattr(superset, f"restore_{kind}")(fully_qualified_name="superset.a1")

    result = (await ingest(superset, {"name": "a1", "displayName": "B"}, kind=kind))[0]
    assert (result.outcome, result.version) == ("UPDATED", 0.4)


@each_kind
async def test_override_metadata_restores_like_an_edit(superset: Caller, kind: str) -> None:
    await ingest(superset, {"name": "a1", "displayName": "A"}, kind=kind)
    await getattr(superset, f"delete_{kind}")(fully_qualified_name="superset.a1")

    result = (await ingest(superset, {"name": "a1", "displayName": "B"}, kind=kind, override=True))[0]

    assert (result.outcome, result.version) == ("RESTORED", 0.3)
    assert (await stored(superset, "a1", kind))["edited"] == {"fields": ["display_name"]}


@each_kind
async def test_ingestion_restores_and_changes_what_ingestion_deleted_in_one_version(
    service: Service, superset: Caller, bot: Caller, kind: str
) -> None:
    """Also assets that people created."""
    await getattr(superset, f"create_{kind}")(**{kind: spec("a1", displayName="A", sourceUrl="https://a")})
    await getattr(bot, f"delete_{kind}")(fully_qualified_name="superset.a1")
    sent = {"name": "a1", "displayName": "B", "sourceUrl": "https://b"}

    result = (await ingest(superset, sent, kind=kind))[0]

    after = await stored(superset, "a1", kind)
    assert result == IngestResult("RESTORED", ["display_name"], {}, 0.3)
    assert (after["displayName"], after["sourceUrl"], after.get("deleted")) == ("A", "https://b", None)
    changed = after["changeDescription"]
    assert sorted(change["name"] for change in changed["fieldsUpdated"]) == ["deleted", "sourceUrl"]
    assert [row.version for row in await history(service.database, kind)] == [1, 2]

    # A bot's own upsert does the same.
    await getattr(bot, f"delete_{kind}")(fully_qualified_name="superset.a1")
    answer = await getattr(bot, f"upsert_{kind}")(**{kind: sent | {"service": "superset"}})
    assert (answer["outcome"], answer["keptFields"]) == ("OUTCOME_RESTORED", ["display_name"])


async def test_a_refused_restoration_restores_nothing(service: Service, superset: Caller, bot: Caller) -> None:
    await ingest_one(superset, charts=["superset.c1"])
    await bot.delete_dashboard(fully_qualified_name="superset.d1")
    before = await all_rows(service.database)

    result = await ingest_one(superset, charts=["superset.c1"], domain="nowhere")

    assert result.refused == {"dashboard.domain": "UNKNOWN_REFERENCE"}
    assert await all_rows(service.database) == before


async def test_charts_that_an_edit_deleted_with_their_dashboard_are_suppressed_and_left_out(superset: Caller) -> None:
    await ingest_one(superset, charts=["superset.c1", "superset.c2"])
    await ingest_one(superset, "d2", charts=["superset.c2"])
    await superset.delete_dashboard(fully_qualified_name="superset.d1")

    bulk = await superset.bulk(
        [
            {"dashboard": spec(charts=["superset.c1", "superset.c2"])},
            {"dashboard": spec("d3", charts=["superset.c1", "superset.c2"])},
            {"chart": spec("c1")},
            {"chart": spec("c2")},
        ],
        options={"resultView": "RESULT_VIEW_ALL"},
    )

    assert [bulk.outcome(index) for index in range(4)] == ["SUPPRESSED", "CREATED", "SUPPRESSED", "UNCHANGED"]
    assert bulk.results[1]["keptFields"] == ["charts.superset.c1"]
    assert fqns((await stored(superset, "d3"))["charts"]) == ["superset.c2"]


async def test_charts_that_ingestion_deleted_with_their_dashboard_are_restored_with_it(
    superset: Caller, bot: Caller
) -> None:
    await ingest_one(superset, charts=["superset.c1", "superset.c2"])
    await superset.delete_chart(fully_qualified_name="superset.c2")
    await bot.delete_dashboard(fully_qualified_name="superset.d1")
    assert (await stored(superset, "c1", "chart"))["deleted"]

    result = await ingest_one(superset, charts=["superset.c1", "superset.c2", "superset.c3"])

    assert (result.outcome, result.kept) == ("RESTORED", ["charts.superset.c2"])
    assert fqns((await stored(superset))["charts"]) == ["superset.c1", "superset.c3"]
    assert "deleted" not in await stored(superset, "c1", "chart")
    assert (await stored(superset, "c2", "chart"))["deleted"]


async def test_a_chart_that_ingestion_deleted_with_its_dashboard_can_be_restored_alone(
    superset: Caller, bot: Caller
) -> None:
    await ingest_one(superset, charts=["superset.c1"])
    await bot.delete_dashboard(fully_qualified_name="superset.d1")

    result = (await ingest(superset, {"name": "c1"}, kind="chart"))[0]

    assert result.outcome == "RESTORED"
    assert (await stored(superset))["deleted"]
    assert (await ingest_one(superset, "d2", charts=["superset.c1"])).kept == []


async def test_a_chart_that_people_deleted_is_left_out_of_ingested_dashboards_and_named(superset: Caller) -> None:
    await superset.create_chart(chart=spec('sales "by" day.eu'))
    quoted = 'superset."sales ""by"" day.eu"'
    charts = ["superset.c3", quoted, "superset.c1", "superset.c2"]
    await ingest_one(superset, charts=charts)
    for name in (quoted, "superset.c2"):
        await superset.delete_chart(fully_qualified_name=name)

    changed = await ingest_one(superset, charts=charts, displayName="new")
    created = await ingest_one(superset, "d2", charts=charts)
    emptied = await ingest_one(superset, charts=[quoted], sourceUrl="https://a")

    assert changed == IngestResult("UPDATED", [f"charts.{quoted}", "charts.superset.c2"], {}, 0.2)
    assert created == IngestResult("CREATED", [f"charts.{quoted}", "charts.superset.c2"], {}, 0.1)
    assert fqns((await stored(superset, "d2"))["charts"]) == ["superset.c3", "superset.c1"]
    assert emptied.kept == [f"charts.{quoted}"]
    assert "charts" not in await stored(superset)


async def define_references(superset: Caller) -> None:
    """Adds properties `one` and `many` of dashboards, which refer to assets, and the dashboards `gone` and `old`."""
    config = {"entityTypes": ["dashboard", "chart"]}
    for name, suffix in (("one", ""), ("many", "List")):
        fields = {"name": name, "appliesTo": "dashboard", "propertyType": f"entityReference{suffix}", "config": config}
        await superset.upsert_entity(entity={"customProperty": fields})
    await ingest(superset, {"name": "gone"}, {"name": "old"})


def to(fqn: str, kind: str = "dashboard") -> Json:
    """Returns a value of a property that refers to an asset."""
    return {"type": kind, "fullyQualifiedName": fqn}


async def test_a_reference_in_a_property_to_an_asset_that_people_deleted_is_left_out_and_named(
    superset: Caller, bot: Caller
) -> None:
    await define_references(superset)
    await ingest_one(superset, extension={"one": to("superset.old")})
    await superset.delete_dashboard(fully_qualified_name="superset.gone")
    await superset.delete_chart(fully_qualified_name="superset.c1")
    gone, kept = to("superset.gone"), to("superset.c2", "chart")
    sent = {"one": gone, "many": [gone, kept, to("superset.c1", "chart")], "costCentre": "1"}

    changed = await ingest_one(superset, extension=sent)
    again = await ingest_one(superset, extension=sent)
    created = await bot.upsert_dashboard(dashboard=spec("d2", extension=sent))

    left_out = ["extension.many", "extension.one"]
    assert (changed.outcome, sorted(changed.kept)) == ("UPDATED", left_out)
    assert (again.outcome, sorted(again.kept), again.version) == ("UNCHANGED", left_out, changed.version)
    assert (await stored(superset))["extension"] == {"one": to("superset.old"), "many": [kept], "costCentre": "1"}
    assert sorted(created["keptFields"]) == left_out
    assert created["dashboard"]["extension"] == {"many": [kept], "costCentre": "1"}

    # After its restoration it is referred to again.
    await superset.restore_dashboard(fully_qualified_name="superset.gone")
    assert (await ingest_one(superset, extension=sent)).kept == ["extension.many"]
    assert (await stored(superset))["extension"]["one"] == gone


async def test_validation_leaves_out_the_same_as_the_write(superset: Caller) -> None:
    await define_references(superset)
    await superset.delete_dashboard(fully_qualified_name="superset.gone")
    sent = {"one": to("superset.gone"), "many": [to("superset.old"), to("superset.gone")]}
    chunks: list[list[Json]] = [[{"dashboard": spec("gone")}], [{"dashboard": spec(extension=sent)}]]

    validated = await superset.bulk(*chunks, options=ALL_RESULTS | {"validateOnly": True})
    written = await superset.bulk(*chunks, options=ALL_RESULTS)

    for bulk in (validated, written):
        assert [bulk.outcome(index) for index in range(2)] == ["SUPPRESSED", "CREATED"]
        assert sorted(bulk.results[1]["keptFields"]) == ["extension.many", "extension.one"]


async def test_a_list_whose_elements_are_all_left_out_becomes_empty_as_charts_do(superset: Caller) -> None:
    await define_references(superset)
    await ingest_one(superset, extension={"many": [to("superset.old")]})
    await superset.delete_dashboard(fully_qualified_name="superset.gone")
    sent = {"many": [to("superset.gone")]}

    emptied = await ingest_one(superset, extension=sent)
    again = await ingest_one(superset, extension=sent)
    created = await ingest_one(superset, "d2", extension=sent)

    assert (emptied.outcome, again.outcome, created.outcome) == ("UPDATED", "UNCHANGED", "CREATED")
    assert emptied.kept == again.kept == created.kept == ["extension.many"]
    assert "extension" not in await stored(superset)
    assert "extension" not in await stored(superset, "d2")


async def test_elements_that_a_list_already_holds_never_fail_a_later_write(superset: Caller, bot: Caller) -> None:
    await define_references(superset)
    chart, other = to("superset.c1", "chart"), to("superset.c2", "chart")
    held = [chart, to("superset.old"), to("superset.gone")]
    await ingest_one(superset, extension={"many": held})
    await ingest_one(superset, "d2", extension={"many": held})
    await bot.delete_dashboard(fully_qualified_name="superset.old")
    await superset.delete_dashboard(fully_qualified_name="superset.gone")

    ingested = await ingest_one(superset, extension={"many": [*held, other]})
    edited = await superset.upsert_dashboard(dashboard=spec("d2", extension={"many": [*held, other]}))
    added = await ingest_one(superset, "d3", extension={"many": held})

    assert (ingested.outcome, ingested.kept) == ("UPDATED", ["extension.many"])
    assert (await stored(superset))["extension"]["many"] == [chart, to("superset.old"), other]
    assert edited["dashboard"]["extension"]["many"] == [*held, other]
    assert added.refused == {"dashboard.extension.many[1]": "UNKNOWN_REFERENCE"}


@on_one_database
async def test_a_property_leaves_out_only_what_people_deleted(superset: Caller, bot: Caller) -> None:
    await define_references(superset)
    await bot.delete_dashboard(fully_qualified_name="superset.old")
    await superset.delete_dashboard(fully_qualified_name="superset.gone")

    swept = await ingest_one(superset, extension={"many": [to("superset.gone"), to("superset.old")]})
    overriding = await ingest_one(superset, extension={"one": to("superset.gone")}, override=True)
    with pytest.raises(Refused) as refused:
        await superset.upsert_dashboard(dashboard=spec(extension={"one": to("superset.gone")}))

    assert swept.refused == {"dashboard.extension.many[1]": "UNKNOWN_REFERENCE"}
    assert overriding.refused == refused.value.violations == {"dashboard.extension.one": "UNKNOWN_REFERENCE"}


@on_one_database
async def test_a_property_that_people_marked_is_named_once(superset: Caller) -> None:
    await define_references(superset)
    marked = {"one": to("superset.old"), "many": [to("superset.old")]}
    await superset.create_dashboard(dashboard=spec(extension=marked))
    await superset.delete_dashboard(fully_qualified_name="superset.gone")

    result = await ingest_one(superset, extension={"one": to("superset.gone"), "many": [to("superset.gone")]})

    assert (result.outcome, sorted(result.kept)) == ("UNCHANGED", ["extension.many", "extension.one"])
    assert (await stored(superset))["extension"] == marked


async def test_a_new_reference_to_a_chart_that_ingestion_deleted_is_refused(superset: Caller, bot: Caller) -> None:
    await bot.delete_chart(fully_qualified_name="superset.c1")

    result = await ingest_one(superset, charts=["superset.c2", "superset.c1"])

    assert result.refused == {"dashboard.charts[1]": "DELETED_REFERENCE"}


async def test_an_edit_leaves_nothing_out(superset: Caller) -> None:
    await superset.delete_chart(fully_qualified_name="superset.c1")

    with pytest.raises(Refused) as refused:
        await superset.upsert_dashboard(dashboard=spec(charts=["superset.c1"]))
    result = await ingest_one(superset, charts=["superset.c1"], override=True)

    assert refused.value.violations == result.refused == {"dashboard.charts[0]": "DELETED_REFERENCE"}


async def test_dashboards_can_refer_to_a_chart_that_their_chunk_restores(superset: Caller, bot: Caller) -> None:
    await bot.delete_chart(fully_qualified_name="superset.c1")

    bulk = await superset.bulk([{"dashboard": spec(charts=["superset.c1"])}, {"chart": spec("c1")}])

    assert bulk.counts == {"created": 1, "restored": 1}
    assert fqns((await stored(superset))["charts"]) == ["superset.c1"]


async def test_an_asset_that_was_hard_deleted_is_new_to_ingestion(superset: Caller) -> None:
    await ingest_one(superset, displayName="A")
    before = await stored(superset)
    await superset.delete_dashboard(fully_qualified_name="superset.d1", hard=True)

    result = await ingest_one(superset, displayName="A")

    after = await stored(superset)
    assert (result.outcome, result.version) == ("CREATED", 0.1)
    assert after["id"] != before["id"]


async def test_entities_are_never_suppressed(superset: Caller) -> None:
    """They have no marks: the last writer wins, and an upsert restores."""
    await superset.delete_entity(kind="KIND_TAG", fully_qualified_name="PII.Email")
    assert (await ingest_one(superset, tags=labels("PII.Email"))).refused == {
        "dashboard.tags[0].tag_fqn": "DELETED_REFERENCE"
    }

    bulk = await superset.bulk(
        [
            {"entity": {"tag": {"name": "Email", "classification": "PII"}}},
            {"dashboard": spec(tags=labels("PII.Email"))},
        ]
    )

    assert bulk.counts == {"restored": 1, "created": 1}
