"""The digest of what was ingested last: the same spec again is UNCHANGED without another look at its references.

Whether a spec was looked at shows in a chart that people have deleted since: it is left out, and named, only then.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.service.assets import all_rows, fqns, history, on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.ingesting import ANN, BOB, Told, ingest, ingest_one, labels, stored, tags_of, update

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
    """Dashboard d1 is as `SPEC` says, and people have deleted chart c1 since."""
    await ingest_one(superset, **SPEC)
    await superset.delete_chart(fully_qualified_name="superset.c1")
    return superset


async def _looks_again(caller: Caller, **options: Any) -> bool:
    return LOOKED_AT in (await ingest_one(caller, **SPEC, **options)).kept


async def test_the_same_spec_again_is_unchanged_and_writes_nothing(service: Service, superset: Caller) -> None:
    created = await ingest_one(superset, **SPEC)
    before = await all_rows(service.database)

    again = [await ingest_one(superset, **SPEC) for _ in range(2)]

    assert created.outcome == "CREATED"
    assert again == [Told("UNCHANGED", [], {}, 0.1)] * 2
    assert await all_rows(service.database) == before


async def test_the_same_spec_again_is_not_looked_at_whatever_became_of_its_references(
    service: Service, superset: Caller, bot: Caller
) -> None:
    """Among them a tag and an owner that were left alone, so that the asset does not hold them."""
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


async def test_a_reference_that_is_held_fails_no_later_spec_either(superset: Caller, bot: Caller) -> None:
    await ingest_one(superset, **SPEC)
    await bot.delete_chart(fully_qualified_name="superset.c1")
    await superset.delete_entity(kind="KIND_USER", fully_qualified_name="ann")
    await superset.upsert_entity(entity={"tag": {"name": "Email", "classification": "PII", "disabled": True}})

    told = await ingest_one(superset, **SPEC | {"displayName": "B"})

    assert told == Told("UPDATED", [], {}, 0.2)
    assert fqns((await stored(superset))["charts"]) == ["superset.c1", "superset.c2"]


async def test_bulk_and_a_bots_upsert_share_the_digest(ingested: Caller, bot: Caller) -> None:
    spec = {"name": "d1", "service": "superset", **SPEC}

    for _ in range(2):
        answer = await bot.upsert_dashboard(dashboard=spec)
        assert (answer["outcome"], answer.get("keptFields")) == ("OUTCOME_UNCHANGED", None)
        assert not await _looks_again(ingested)

    # A person's upsert is an edit, and writes what it says.
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


async def test_a_change_of_marks_alone_clears_the_digest(superset: Caller) -> None:
    await superset.create_dashboard(dashboard={"name": "d1", "service": "superset", "displayName": "by people"})
    first = await ingest_one(superset, **SPEC)
    await superset.delete_chart(fully_qualified_name="superset.c1")
    assert (first.kept, await _looks_again(superset)) == (["display_name"], False)

    await superset.update_dashboard(fully_qualified_name="superset.d1", release={"fields": ["display_name"]})
    told = await ingest_one(superset, **SPEC)

    assert (told.outcome, told.kept) == ("UPDATED", [LOOKED_AT])
    assert (await stored(superset))["displayName"] == "A"


async def test_a_write_that_changes_neither_leaves_the_digest(service: Service, ingested: Caller) -> None:
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


async def test_another_mask_or_option_is_another_digest(superset: Caller) -> None:
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


async def test_a_deleted_asset_is_restored_even_by_the_samespec(service: Service, superset: Caller) -> None:
    await ingest_one(superset, **SPEC)
    bot = service.caller("loader", "ingestion_bot")
    await bot.delete_dashboard(fully_qualified_name="superset.d1")

    told = [await ingest_one(superset, **SPEC) for _ in range(2)]

    assert [(one.outcome, one.version) for one in told] == [("RESTORED", 0.3), ("UNCHANGED", 0.3)]
    assert [chart["deleted"] for chart in (await stored(superset))["charts"] if "deleted" in chart] == []


async def test_the_same_spec_is_unchanged_only_for_a_caller_who_may_write_it(
    service: Service, superset: Caller
) -> None:
    await ingest_one(superset, **SPEC)

    for caller in (
        service.caller("carl", "data_consumer"),
        service.caller("loader", "ingestion_bot", services=["looker"]),
    ):
        assert (await ingest_one(caller, **SPEC)).refused == {"": "ACTION_DENIED"}
    for caller in (service.caller("loader", "ingestion_bot", services=["superset"]), service.caller("ann")):
        assert (await ingest_one(caller, **SPEC)).outcome == "UNCHANGED"


async def test_an_edit_is_seen_by_the_very_spec_that_was_ingested_before(superset: Caller) -> None:
    """What is not stewarded is refreshed, what people took off stays off."""
    await ingest_one(superset, **SPEC)
    await superset.update_dashboard(
        fully_qualified_name="superset.d1",
        dashboard={"sourceUrl": "https://b", "charts": ["superset.c3"]},
        update_mask="sourceUrl,charts,tags",
    )

    told = await ingest_one(superset, **SPEC)

    after = await stored(superset)
    assert told == Told("UPDATED", ["tags.PII.Email"], {}, 0.3)
    assert (after["sourceUrl"], fqns(after["charts"]), tags_of(after)) == (
        "https://a",
        ["superset.c1", "superset.c2"],
        [],
    )


async def test_source_hash_is_kept_and_never_compared(service: Service, superset: Caller) -> None:
    await ingest_one(superset, **SPEC)

    # The same hash with other content is written; another hash with the same content is no change.
    told = [
        await ingest_one(superset, **SPEC | change)
        for change in ({"project": "b"}, {"project": "b", "sourceHash": "2"})
    ]
    assert [(one.outcome, one.version) for one in told] == [("UPDATED", 0.2), ("UNCHANGED", 0.2)]
    after = await stored(superset)
    assert after["sourceHash"] == "2"
    changed = after["changeDescription"]
    assert [change["name"] for change in changed["fieldsAdded"]] == ["project"]

    without = {name: value for name, value in SPEC.items() if name != "sourceHash"}
    assert (await ingest_one(superset, **without | {"project": "b"})).outcome == "UNCHANGED"
    assert (await stored(superset)) == after, "a spec without one leaves it"

    assert (await update(superset, sourceHash="3"))["version"] == 0.2
    assert len(await history(service.database, "dashboard")) == 1


async def test_source_hash_is_that_of_the_last_write_that_held_one(superset: Caller) -> None:
    await ingest_one(superset, **SPEC)
    await update(superset, sourceHash="by hand")
    assert (await stored(superset))["sourceHash"] == "by hand"

    told = await ingest_one(superset, **SPEC)

    assert (told.outcome, (await stored(superset))["sourceHash"]) == ("UNCHANGED", "1")
    assert (await ingest_one(superset, mask="sourceHash")).outcome == "UNCHANGED"
    assert "sourceHash" not in await stored(superset)


async def test_what_was_left_out_comes_back_when_people_have_restored_it(superset: Caller) -> None:
    await superset.delete_chart(fully_qualified_name="superset.c1")
    told = [await ingest_one(superset, **SPEC) for _ in range(2)]
    assert [(one.outcome, one.kept) for one in told] == [("CREATED", [LOOKED_AT]), ("UNCHANGED", [LOOKED_AT])]
    assert fqns((await stored(superset))["charts"]) == ["superset.c2"]

    await superset.restore_chart(fully_qualified_name="superset.c1")
    told = [await ingest_one(superset, **SPEC) for _ in range(2)]

    assert [(one.outcome, one.kept) for one in told] == [("UPDATED", []), ("UNCHANGED", [])]
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

    told = await ingest(superset, spec, spec, spec | {"displayName": "B"}, spec, spec)

    assert [(one.outcome, one.version) for one in told] == [
        ("CREATED", 0.1),
        ("UNCHANGED", 0.1),
        ("UPDATED", 0.2),
        ("UPDATED", 0.3),
        ("UNCHANGED", 0.3),
    ]


def _without_c1(spec: Json) -> Json:
    return spec | {"charts": ["superset.c2"]}


async def _delete_and_restore(caller: Caller) -> None:
    await caller.delete_dashboard(fully_qualified_name="superset.d1")
    await caller.restore_dashboard(fully_qualified_name="superset.d1")
