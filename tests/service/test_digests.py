"""The digest of the last ingested spec: the same spec is UNCHANGED without checking its references again.

A chart that people have deleted shows whether a spec was checked: only then it is left out and named.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.service.assets import all_rows, fqns, history, on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.ingesting import ANN, BOB, IngestResult, ingest, ingest_one, labels, stored, tags_of, update

SPEC: Json = {
    "displayName": "A",
    "sourceUrl": "https://a",
    "charts": ["superset.c1", "superset.c2"],
    "owners": ANN,
    "tags": labels("PII.Email"),
    "extension": {"costCentre": "1", "budget": 1},
    "sourceHash": "1",
}
LOOKED_AT = "charts.superset.c1"


@pytest.fixture
async def ingested(superset: Caller) -> Caller:
    """Dashboard d1 as in `SPEC`; people have deleted chart c1 since."""
    await ingest_one(superset, **SPEC)
    await superset.delete_chart(fully_qualified_name="superset.c1")
    return superset


async def _looks_again(caller: Caller, **options: Any) -> bool:
    return LOOKED_AT in (await ingest_one(caller, **SPEC, **options)).kept


async def test_the_same_spec_is_unchanged_and_writes_nothing(service: Service, superset: Caller) -> None:
    created = await ingest_one(superset, **SPEC)
    before = await all_rows(service.database)

    again = [await ingest_one(superset, **SPEC) for _ in range(2)]

    assert created.outcome == "CREATED"
    assert again == [IngestResult("UNCHANGED", [], {}, 0.1)] * 2
    assert await all_rows(service.database) == before


async def test_the_same_spec_is_not_checked_again_whatever_happened_to_its_references(
    service: Service, superset: Caller, bot: Caller
) -> None:
    """Also references to a tag and an owner that ingestion left out, so the asset does not hold them."""
    sent = SPEC | {"tags": labels("PII.Email", "PII.Phone"), "domain": "finance"}
    await ingest_one(superset, **sent)
    await superset.update_dashboard(
        fully_qualified_name="superset.d1",
        dashboard={"owners": BOB, "tags": labels("PII.Email")},
        update_mask="owners,tags",
    )
    first = await ingest_one(superset, **sent)
    assert (first.outcome, first.kept) == ("UNCHANGED", ["owners", "tags.PII.Phone"])
    await bot.delete_chart(fully_qualified_name="superset.c1")
    await superset.delete_chart(fully_qualified_name="superset.c2")
    await superset.delete_entity(kind="KIND_USER", fully_qualified_name="ann", hard=True)
    await superset.delete_entity(kind="KIND_DOMAIN", fully_qualified_name="finance")
    for tag in ("Email", "Phone"):
        await superset.upsert_entity(entity={"tag": {"name": tag, "classification": "PII", "disabled": True}})
    await superset.delete_entity(kind="KIND_CUSTOM_PROPERTY", fully_qualified_name="dashboard.budget")
    before = await stored(superset)
    rows = await all_rows(service.database)

    assert await ingest_one(superset, **sent) == first

    assert await stored(superset) == before
    assert fqns(before["charts"]) == ["superset.c1", "superset.c2"]
    assert await all_rows(service.database) == rows


async def test_a_reference_that_an_asset_holds_does_not_fail_other_specs(superset: Caller, bot: Caller) -> None:
    await ingest_one(superset, **SPEC)
    await bot.delete_chart(fully_qualified_name="superset.c1")
    await superset.delete_entity(kind="KIND_USER", fully_qualified_name="ann")
    await superset.upsert_entity(entity={"tag": {"name": "Email", "classification": "PII", "disabled": True}})

    result = await ingest_one(superset, **SPEC | {"displayName": "B"})

    assert result == IngestResult("UPDATED", [], {}, 0.2)
    assert fqns((await stored(superset))["charts"]) == ["superset.c1", "superset.c2"]


async def test_bulk_and_a_bots_upsert_share_the_digest(ingested: Caller, bot: Caller) -> None:
    spec = {"name": "d1", "service": "superset", **SPEC}

    for _ in range(2):
        answer = await bot.upsert_dashboard(dashboard=spec)
        assert (answer["outcome"], answer.get("keptFields")) == ("OUTCOME_UNCHANGED", None)
        assert not await _looks_again(ingested)

    # A person's upsert is an edit, so it writes.
    with pytest.raises(Refused) as refused:
        await ingested.upsert_dashboard(dashboard=spec | {"charts": ["superset.c1", "superset.c9"]})
    assert refused.value.violations == {"dashboard.charts[1]": "UNKNOWN_REFERENCE"}


WRITES: dict[str, Callable[[Caller, Caller], Awaitable[object]]] = {
    "an edit of what is stewarded": lambda admin, _bot: update(admin, displayName="B"),
    "an edit of what is not": lambda admin, _bot: update(admin, sourceUrl="https://b"),
    "an upsert of a person": lambda admin, _bot: admin.upsert_dashboard(
        dashboard={"name": "d1", "service": "superset", "project": "b"}
    ),
    "an update of a bot": lambda _admin, bot: update(bot, project="b"),
    "another spec": lambda admin, _bot: ingest_one(admin, **SPEC | {"displayName": "B"}),
    "another spec that changes nothing": lambda admin, _bot: ingest_one(admin, displayName="A"),
    "the same with another mask": lambda admin, _bot: ingest_one(admin, **SPEC, mask="description"),
    "the same as an edit would": lambda admin, _bot: ingest_one(admin, **_without_c1(SPEC), override=True),
    "deletion by a bot": lambda _admin, bot: bot.delete_dashboard(fully_qualified_name="superset.d1"),
    "deletion and restoration": lambda admin, _bot: _delete_and_restore(admin),
}


@pytest.mark.parametrize("write", WRITES)
@on_one_database
async def test_every_other_write_that_changes_the_asset_clears_the_digest(
    ingested: Caller, bot: Caller, write: str
) -> None:
    assert not await _looks_again(ingested)

    await WRITES[write](ingested, bot)

    assert await _looks_again(ingested)


async def test_a_change_of_only_the_marks_clears_the_digest(superset: Caller) -> None:
    await superset.create_dashboard(dashboard={"name": "d1", "service": "superset", "displayName": "by people"})
    first = await ingest_one(superset, **SPEC)
    await superset.delete_chart(fully_qualified_name="superset.c1")
    assert (first.kept, await _looks_again(superset)) == (["display_name"], False)

    await superset.update_dashboard(fully_qualified_name="superset.d1", release={"fields": ["display_name"]})
    result = await ingest_one(superset, **SPEC)

    assert (result.outcome, result.kept) == ("UPDATED", [LOOKED_AT])
    assert (await stored(superset))["displayName"] == "A"


async def test_a_write_that_changes_neither_asset_nor_marks_keeps_the_digest(
    service: Service, ingested: Caller
) -> None:
    before = await all_rows(service.database)
    stranger = service.caller("carl", "data_consumer")

    await update(ingested, displayName="A")
    await ingested.upsert_dashboard(dashboard={"name": "d1", "service": "superset", "sourceUrl": "https://a"})
    await ingested.update_dashboard(fully_qualified_name="superset.d1", release={"fields": ["owners"]})
    await ingested.update_dashboard(
        fully_qualified_name="superset.d1",
        dashboard={"displayName": "B"},
        update_mask="displayName",
        validate_only=True,
    )
    for caller, spec in ((ingested, {"domain": "nowhere"}), (stranger, {"displayName": "B"})):
        with pytest.raises(Refused):
            await update(caller, **spec)
    assert (await ingest_one(ingested, domain="nowhere")).refused
    assert await _looks_again(ingested) is False

    assert await all_rows(service.database) == before


async def test_another_mask_or_option_has_another_digest(superset: Caller) -> None:
    """Also a mask that names nearly every field."""
    everything = "charts,dashboardType,description,displayName,domain,extension,owners,project,sourceUrl,tags"
    await superset.create_dashboard(dashboard={"name": "d1", "service": "superset", "displayName": "by people"})

    await ingest_one(superset, sourceUrl="https://a")
    await ingest_one(superset, sourceUrl="https://a", project="b")
    outcomes = [
        (await ingest_one(superset, sourceUrl="https://a")).outcome,
        (await ingest_one(superset, sourceUrl="https://a", mask="project")).outcome,
        (await ingest_one(superset, sourceUrl="https://a", mask=everything.removesuffix(",sourceUrl,tags"))).outcome,
        (await ingest_one(superset, mask=everything)).outcome,
        (await ingest_one(superset, mask=everything.removesuffix(",tags"))).outcome,
        (await ingest_one(superset, mask=everything, override=True)).outcome,
        (await ingest_one(superset, mask=everything, override=True)).outcome,
    ]

    assert outcomes == ["UNCHANGED", "UPDATED", "UNCHANGED", "UPDATED", "UNCHANGED", "UPDATED", "UNCHANGED"]
    assert "displayName" not in await stored(superset)


async def test_the_same_spec_restores_a_deleted_asset(service: Service, superset: Caller) -> None:
    await ingest_one(superset, **SPEC)
    bot = service.caller("loader", "ingestion_bot")
    await bot.delete_dashboard(fully_qualified_name="superset.d1")

    results = [await ingest_one(superset, **SPEC) for _ in range(2)]

    assert [(result.outcome, result.version) for result in results] == [("RESTORED", 0.3), ("UNCHANGED", 0.3)]
    assert [chart["deleted"] for chart in (await stored(superset))["charts"] if "deleted" in chart] == []


async def test_the_same_spec_is_unchanged_only_for_a_caller_who_may_write_it(
    service: Service, superset: Caller
) -> None:
    await ingest_one(superset, **SPEC)

    carl = {"type": "user", "name": "carl"}
    await superset.upsert_entity(entity={"user": {"name": "carl"}})
    await superset.create_chart(chart={"name": "of_carl", "service": "superset", "owners": [carl]})
    for caller in (
        # He may load, but not this.
        service.caller("carl", "data_consumer"),
        service.caller("loader", "ingestion_bot", services=["looker"]),
    ):
        assert (await ingest_one(caller, **SPEC)).refused == {"": "ACTION_DENIED"}
    for caller in (
        service.caller("loader", "ingestion_bot", services=["superset"]),
        service.caller("ann", "data_consumer"),
    ):
        assert (await ingest_one(caller, **SPEC)).outcome == "UNCHANGED"


async def test_the_same_spec_after_an_edit_refreshes_the_asset(superset: Caller) -> None:
    """Fields that are not stewarded are refreshed; what people removed stays removed."""
    await ingest_one(superset, **SPEC)
    await superset.update_dashboard(
        fully_qualified_name="superset.d1",
        dashboard={"sourceUrl": "https://b", "charts": ["superset.c3"]},
        update_mask="sourceUrl,charts,tags",
    )

    result = await ingest_one(superset, **SPEC)

    after = await stored(superset)
    assert result == IngestResult("UPDATED", ["tags.PII.Email"], {}, 0.3)
    assert (after["sourceUrl"], fqns(after["charts"]), tags_of(after)) == (
        "https://a",
        ["superset.c1", "superset.c2"],
        [],
    )


async def test_source_hash_is_stored_and_never_compared(service: Service, superset: Caller) -> None:
    await ingest_one(superset, **SPEC)

    # The same hash with other content is a change; another hash with the same content is not.
    results = [
        await ingest_one(superset, **SPEC | change)
        for change in ({"project": "b"}, {"project": "b", "sourceHash": "2"})
    ]
    assert [(result.outcome, result.version) for result in results] == [("UPDATED", 0.2), ("UNCHANGED", 0.2)]
    after = await stored(superset)
    assert after["sourceHash"] == "2"
    changed = after["changeDescription"]
    assert [change["name"] for change in changed["fieldsAdded"]] == ["project"]

    without = {name: value for name, value in SPEC.items() if name != "sourceHash"}
    assert (await ingest_one(superset, **without | {"project": "b"})).outcome == "UNCHANGED"
    assert (await stored(superset)) == after, "a spec without one leaves it"

    assert (await update(superset, sourceHash="3"))["version"] == 0.2
    assert len(await history(service.database, "dashboard")) == 1


async def test_source_hash_is_from_the_last_write_that_had_one(superset: Caller) -> None:
    await ingest_one(superset, **SPEC)
    await update(superset, sourceHash="by hand")
    assert (await stored(superset))["sourceHash"] == "by hand"

    result = await ingest_one(superset, **SPEC)

    assert (result.outcome, (await stored(superset))["sourceHash"]) == ("UNCHANGED", "1")
    assert (await ingest_one(superset, mask="sourceHash")).outcome == "UNCHANGED"
    assert "sourceHash" not in await stored(superset)


async def test_a_chart_that_was_left_out_returns_after_people_restore_it(superset: Caller) -> None:
    await superset.delete_chart(fully_qualified_name="superset.c1")
    results = [await ingest_one(superset, **SPEC) for _ in range(2)]
    assert [(result.outcome, result.kept) for result in results] == [
        ("CREATED", [LOOKED_AT]),
        ("UNCHANGED", [LOOKED_AT]),
    ]
    assert fqns((await stored(superset))["charts"]) == ["superset.c2"]

    await superset.restore_chart(fully_qualified_name="superset.c1")
    results = [await ingest_one(superset, **SPEC) for _ in range(2)]

    assert [(result.outcome, result.kept) for result in results] == [("UPDATED", []), ("UNCHANGED", [])]
    assert fqns((await stored(superset))["charts"]) == ["superset.c1", "superset.c2"]


async def test_charts_have_digests_too(superset: Caller) -> None:
    spec = {"name": "k1", "displayName": "A", "tags": labels("PII.Email")}
    first, again = [(await ingest(superset, spec, kind="chart"))[0] for _ in range(2)]
    await superset.update_chart(
        fully_qualified_name="superset.k1", chart={"sourceUrl": "https://b"}, update_mask="sourceUrl"
    )
    mask, after = [(await ingest(superset, spec, kind="chart", mask="sourceUrl"))[0] for _ in range(2)]

    assert [one.outcome for one in (first, again, mask, after)] == ["CREATED", "UNCHANGED", "UPDATED", "UNCHANGED"]


async def test_the_same_spec_twice_in_one_chunk_is_created_and_then_unchanged(superset: Caller) -> None:
    spec = {"name": "d1", **SPEC}

    results = await ingest(superset, spec, spec)

    assert [(result.outcome, result.version) for result in results] == [("CREATED", 0.1), ("UNCHANGED", 0.1)]


def _without_c1(spec: Json) -> Json:
    return spec | {"charts": ["superset.c2"]}


async def _delete_and_restore(caller: Caller) -> None:
    await caller.delete_dashboard(fully_qualified_name="superset.d1")
    await caller.restore_dashboard(fully_qualified_name="superset.d1")
