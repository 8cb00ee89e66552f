"""Edits win label by label and extension key by key; parts that ingestion leaves alone are named and not checked."""

import pytest

from tests.service.assets import on_one_database
from tests.service.caller import Caller, Json, Refused
from tests.service.ingesting import ANN, BOB, ingest_one, labels, spec, stored, tags_of, update


@on_one_database
async def test_ingested_tags_replace_unmarked_labels_and_stay_beside_marked_ones(superset: Caller) -> None:
    await ingest_one(superset, tags=labels("PII.Email", "Tier.Gold"))
    await update(superset, tags=labels("PII.Email", "Tier.Gold", "PII.Phone"))
    assert (await stored(superset))["edited"] == {"tags": ["PII.Phone"]}

    result = await ingest_one(superset, tags=labels("Tier.Silver"))

    after = await stored(superset)
    assert (result.outcome, result.kept) == ("UPDATED", ["tags.PII.Phone"])
    assert tags_of(after) == ["PII.Phone", "Tier.Silver"]
    assert after["edited"] == {"tags": ["PII.Phone"]}


@on_one_database
async def test_a_label_that_people_removed_is_not_added_again(superset: Caller) -> None:
    await ingest_one(superset, tags=labels("PII.Email", "PII.Phone"))
    await update(superset, tags=labels("PII.Phone"))

    result = await ingest_one(superset, tags=labels("PII.Email", "PII.Phone", "Tier.Gold"))

    after = await stored(superset)
    assert result.kept == ["tags.PII.Email"]
    assert tags_of(after) == ["PII.Phone", "Tier.Gold"]
    assert after["edited"] == {"tags": ["PII.Email"]}


@on_one_database
async def test_an_ingested_label_that_excludes_a_marked_one_is_left_out_and_named(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(tags=labels("Tier.Gold")))

    result = await ingest_one(superset, tags=labels("PII.Email", "Tier.Silver"))

    assert sorted(result.kept) == ["tags.Tier.Gold", "tags.Tier.Silver"]
    assert tags_of(await stored(superset)) == ["PII.Email", "Tier.Gold"]


@on_one_database
async def test_ingested_labels_beyond_the_limit_because_of_marked_ones_are_left_out_and_named(superset: Caller) -> None:
    fqns = [f"PII.t{number:03}" for number in range(160)]
    tags = [{"tag": {"name": fqn.removeprefix("PII."), "classification": "PII"}} for fqn in fqns]
    assert not (await superset.bulk([{"entity": tag} for tag in tags])).failures
    await superset.create_dashboard(dashboard=spec(tags=labels(*fqns[:60])))

    results = [await ingest_one(superset, tags=labels(*fqns[60:])) for _ in range(2)]

    left_out = [f"tags.{fqn}" for fqn in [*fqns[:60], *fqns[100:]]]
    assert [(result.outcome, sorted(result.kept)) for result in results] == [
        ("UPDATED", left_out),
        ("UNCHANGED", left_out),
    ]
    assert tags_of(await stored(superset)) == fqns[:100]
    # Labels that people send must fit.
    with pytest.raises(Refused) as refused:
        await update(superset, tags=labels(*fqns[:101]))
    assert refused.value.violations == {"dashboard.tags": "TOO_MANY"}
    # If they remove labels, ingestion adds others.
    await update(superset, tags=labels(*fqns[50:100]))
    assert len(tags_of(await stored(superset))) == 50
    assert "tags.PII.t100" not in (await ingest_one(superset, tags=labels(*fqns[60:]))).kept
    assert tags_of(await stored(superset)) == fqns[50:150]


@on_one_database
async def test_a_label_that_people_removed_excludes_nothing(superset: Caller) -> None:
    await ingest_one(superset, tags=labels("Tier.Gold"))
    await update(superset, "tags")

    result = await ingest_one(superset, tags=labels("Tier.Silver"))

    assert result.kept == []
    assert tags_of(await stored(superset)) == ["Tier.Silver"]


async def test_an_edit_may_replace_an_ingested_label_by_one_that_excludes_it(superset: Caller) -> None:
    await ingest_one(superset, tags=labels("Tier.Gold"))
    edited = await update(superset, tags=labels("Tier.Silver"))
    assert edited["edited"] == {"tags": ["Tier.Gold", "Tier.Silver"]}

    result = await ingest_one(superset, tags=labels("Tier.Gold"))

    assert (result.outcome, sorted(result.kept)) == ("UNCHANGED", ["tags.Tier.Gold", "tags.Tier.Silver"])
    assert tags_of(await stored(superset)) == ["Tier.Silver"]


async def test_edits_win_over_ingestion_per_extension_key(superset: Caller) -> None:
    await ingest_one(superset, extension={"costCentre": "1", "budget": 1})
    edited = await superset.upsert_dashboard(dashboard=spec(extension={"budget": None}))
    assert edited["dashboard"]["extension"] == {"costCentre": "1"}
    assert edited["dashboard"]["edited"] == {"extensionKeys": ["budget"]}

    result = await ingest_one(superset, extension={"costCentre": "2", "budget": 2})

    assert (result.outcome, result.kept) == ("UPDATED", ["extension.budget"])
    assert (await stored(superset))["extension"] == {"costCentre": "2"}

    # A key that ingestion sends as null is cleared unless it is marked.
    await superset.upsert_dashboard(dashboard=spec(extension={"budget": 3}))
    result = await ingest_one(superset, extension={"costCentre": None, "budget": None})

    assert (result.outcome, result.kept) == ("UPDATED", ["extension.budget"])
    assert (await stored(superset))["extension"] == {"budget": 3}


async def test_all_kept_parts_are_named_together_and_every_time(superset: Caller) -> None:
    await superset.create_dashboard(
        dashboard=spec(
            displayName="A",
            description="a",
            owners=ANN,
            domain="finance",
            tags=labels("PII.Email", state="Suggested"),
            extension={"costCentre": "1", "budget": 1},
        )
    )
    sent: Json = {
        "displayName": "B",
        "description": "b",
        "owners": BOB,
        "domain": "finance.tax",
        "tags": labels("PII.Email"),
        "extension": {"costCentre": "2", "budget": None},
    }

    results = [await ingest_one(superset, **sent) for _ in range(2)]

    kept = ["description", "display_name", "domain", "extension.budget", "extension.costCentre", "owners"]
    assert [(result.outcome, sorted(result.kept)) for result in results] == [
        ("UNCHANGED", [*kept, "tags.PII.Email"])
    ] * 2
    marks = (await stored(superset))["edited"]
    assert {part: sorted(names) for part, names in marks.items()} == {
        "fields": ["description", "display_name", "domain", "owners"],
        "tags": ["PII.Email"],
        "extensionKeys": ["budget", "costCentre"],
    }


@on_one_database
async def test_parts_that_are_left_alone_may_refer_to_absent_entities(superset: Caller) -> None:
    """Only references that a write adds must exist."""
    await ingest_one(superset, owners=ANN, domain="finance.tax", tags=labels("PII.Email", "PII.Phone"))
    await update(superset, "owners", "domain", "tags", owners=BOB, domain="finance")
    for kind, fqn in (("USER", "ann"), ("DOMAIN", "finance.tax"), ("TAG", "PII.Email")):
        await superset.delete_entity(kind=f"KIND_{kind}", fully_qualified_name=fqn)
    await superset.upsert_entity(entity={"tag": {"name": "Phone", "classification": "PII", "disabled": True}})

    result = await ingest_one(
        superset,
        displayName="new",
        owners=ANN,
        domain="finance.tax",
        tags=labels("PII.Email", "PII.Phone"),
    )

    assert result.refused == {}
    assert result.outcome == "UPDATED"
    assert sorted(result.kept) == ["domain", "owners", "tags.PII.Email", "tags.PII.Phone"]


async def test_what_is_left_alone_is_named_also_if_it_cannot_be_used(superset: Caller) -> None:
    """Without what cannot be used, nothing that differs from the stored part may be left."""
    await superset.upsert_entity(entity={"team": {"name": "division", "teamType": "Division"}})
    await ingest_one(superset, owners=ANN, domain="finance", extension={"costCentre": "X1", "budget": 1})
    await update(superset, "owners", "domain", "extension", extension={"costCentre": None, "budget": None})
    await superset.delete_entity(kind="KIND_CUSTOM_PROPERTY", fully_qualified_name="dashboard.budget", hard=True)
    every = ["domain", "extension.budget", "extension.costCentre", "owners"]
    unusable: Json = {
        "owners": [{"type": "user", "name": "nobody"}],
        "domain": "nowhere",
        "extension": {"costCentre": 5, "budget": 2},
    }

    cleared = [await ingest_one(superset, **unusable) for _ in range(2)]
    await update(superset, "owners", "domain", owners=BOB, domain="finance")
    decided = await ingest_one(superset, **unusable | {"owners": [*BOB, *unusable["owners"]]})
    team = await ingest_one(superset, owners=[{"type": "team", "name": "division"}])
    same = await ingest_one(superset, owners=BOB, domain="finance")

    assert [(result.refused, sorted(result.kept)) for result in (*cleared, decided)] == [({}, every)] * 3
    assert (team.refused, team.kept, same.kept) == ({}, ["owners"], [])


@on_one_database
async def test_a_marked_value_is_compared_in_its_stored_form(superset: Caller) -> None:
    config = {"values": ["a", "b", "c"], "multiSelect": True}
    definition = {"name": "audience", "appliesTo": "dashboard", "propertyType": "enum", "config": config}
    await superset.upsert_entity(entity={"customProperty": definition})
    await superset.create_dashboard(dashboard=spec(extension={"audience": ["b", "a"]}))

    same = await ingest_one(superset, extension={"audience": ["b", "a"]})
    wrong = await ingest_one(superset, extension={"audience": ["nobody"]})

    assert (same.outcome, same.kept) == ("UNCHANGED", [])
    assert (wrong.outcome, wrong.kept) == ("UNCHANGED", ["extension.audience"])
