"""Release returns fields to ingestion: the marks go, the values stay until ingestion writes them."""

from typing import Any

import pytest

from tests.service.assets import all_rows, each_kind, history, on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.ingesting import ANN, BOB, ingest, ingest_one, labels, spec, stored, tags_of

BY_PEOPLE: Json = {
    "displayName": "A",
    "description": "a",
    "owners": ANN,
    "domain": "finance",
    "tags": labels("PII.Email", "Tier.Gold"),
    "extension": {"costCentre": "1", "budget": 1},
}
BY_TOOL: Json = {
    "displayName": "B",
    "description": "b",
    "owners": BOB,
    "domain": "finance.tax",
    "tags": labels("PII.Phone"),
    "extension": {"costCentre": "2", "budget": 2},
}


async def test_a_released_field_keeps_its_value_until_ingestion_writes_it(superset: Caller) -> None:
    await ingest_one(superset, **BY_TOOL)
    await _edit(superset, **BY_PEOPLE)
    before = await stored(superset)
    assert before["edited"] == {
        "fields": ["display_name", "description", "owners", "domain"],
        "tags": ["PII.Email", "PII.Phone", "Tier.Gold"],
        "extensionKeys": ["budget", "costCentre"],
    }

    released = await _release(superset, **before["edited"])

    assert "edited" not in released
    del before["edited"]
    assert released == before == await stored(superset)

    # The same spec as last time is checked again.
    result = await ingest_one(superset, **BY_TOOL)

    after = await stored(superset)
    assert (result.outcome, result.kept) == ("UPDATED", [])
    assert (after["displayName"], after["description"], after["owners"][0]["name"]) == ("B", "b", "bob")
    assert after["domains"][0]["fullyQualifiedName"] == "finance.tax"
    assert (tags_of(after), after["extension"]) == (["PII.Phone"], {"costCentre": "2", "budget": 2})
    assert "edited" not in after


@pytest.mark.parametrize(
    ("release", "left", "kept"),
    [
        ({"fields": ["display_name"]}, "fields", ["description", "domain", "owners"]),
        ({"fields": ["displayName", "owners"]}, "fields", ["description", "domain"]),
        ({"tags": ["Tier.Gold"]}, "tags", ["tags.PII.Email", "tags.PII.Phone"]),
        ({"tags": ['"Tier"."Gold"', "PII.Phone"]}, "tags", ["tags.PII.Email"]),
        ({"extensionKeys": ["budget"]}, "extensionKeys", ["extension.costCentre"]),
    ],
)
@on_one_database
async def test_only_named_fields_are_released(superset: Caller, release: Json, left: str, kept: list[str]) -> None:
    await ingest_one(superset, **BY_TOOL)
    await _edit(superset, **BY_PEOPLE)
    marks = (await stored(superset))["edited"]

    after = await _release(superset, **release)
    result = await ingest_one(superset, **BY_TOOL)

    prefix = {"fields": "", "tags": "tags.", "extensionKeys": "extension."}[left]
    assert sorted(prefix + mark for mark in after["edited"][left]) == kept
    assert {part: after["edited"][part] for part in marks if part != left} == {
        part: marks[part] for part in marks if part != left
    }
    assert [path for path in sorted(result.kept) if _is_of(path, left)] == kept


def _is_of(path: str, part: str) -> bool:
    prefix = path.partition(".")[0]
    return {"tags": "tags", "extension": "extensionKeys"}.get(prefix, "fields") == part


@on_one_database
async def test_ingestion_fills_a_field_that_people_cleared_and_released(superset: Caller) -> None:
    await ingest_one(superset, **BY_TOOL)
    await superset.update_dashboard(
        fully_qualified_name="superset.d1", dashboard={}, update_mask="displayName,tags,extension"
    )
    marks = (await stored(superset))["edited"]
    assert marks == {"fields": ["display_name"], "tags": ["PII.Phone"], "extensionKeys": ["budget", "costCentre"]}

    await _release(superset, fields=["displayName"], tags=["PII.Phone"], extensionKeys=["budget"])
    result = await ingest_one(superset, **BY_TOOL)

    after = await stored(superset)
    assert result.kept == ["extension.costCentre"]
    assert (after["displayName"], tags_of(after), after["extension"]) == ("B", ["PII.Phone"], {"budget": 2})
    assert after["edited"] == {"extensionKeys": ["costCentre"]}


@on_one_database
async def test_a_released_label_is_removed_and_excludes_nothing(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(tags=labels("Tier.Gold", "PII.Email")))
    assert (await ingest_one(superset, tags=labels("Tier.Silver"))).outcome == "UNCHANGED"

    await _release(superset, tags=["Tier.Gold"])
    result = await ingest_one(superset, tags=labels("Tier.Silver"))

    assert (result.outcome, result.kept) == ("UPDATED", ["tags.PII.Email"])
    assert tags_of(await stored(superset)) == ["PII.Email", "Tier.Silver"]


@on_one_database
async def test_fields_that_ingestion_does_not_send_stay_after_their_release(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(**BY_PEOPLE))
    before = await stored(superset)

    await _release(superset, **before.pop("edited"))
    result = await ingest_one(superset)

    assert result.outcome == "UNCHANGED"
    assert await stored(superset) == before


@each_kind
async def test_a_release_does_not_make_a_version(service: Service, superset: Caller, kind: str) -> None:
    await getattr(superset, f"create_{kind}")(**{kind: spec("a1", displayName="A")})
    before = await stored(superset, "a1", kind)

    steward = service.caller("stella", "data_steward")
    update = getattr(steward, f"update_{kind}")
    released = (await update(fully_qualified_name="superset.a1", release={"fields": ["display_name"]}))[kind]

    assert before.pop("edited") == {"fields": ["display_name"]}
    assert released == before
    assert await history(service.database, kind) == []
    results = await ingest(superset, {"name": "a1", "displayName": "B"}, kind=kind)
    assert (results[0].outcome, results[0].version) == ("UPDATED", 0.2)


@on_one_database
async def test_a_field_that_is_edited_after_its_release_is_marked_again(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(displayName="A"))
    await _release(superset, fields=["display_name"])
    await ingest_one(superset, displayName="B")
    await _edit(superset, displayName="B")
    assert "edited" not in await stored(superset), "an equal value sets no mark"

    edited = await _edit(superset, displayName="C")

    assert edited["edited"] == {"fields": ["display_name"]}
    assert (await ingest_one(superset, displayName="B")).kept == ["display_name"]


@on_one_database
async def test_an_update_may_write_and_release_together(superset: Caller) -> None:
    """Released fields are not marked by the same update."""
    await superset.create_dashboard(dashboard=spec(displayName="A", description="a"))

    answer = await superset.update_dashboard(
        fully_qualified_name="superset.d1",
        dashboard={"description": "b", "domain": "finance"},
        update_mask="description,domain",
        release={"fields": ["display_name", "domain"]},
    )

    dashboard = answer["dashboard"]
    assert (dashboard["version"], dashboard["description"]) == (0.2, "b")
    assert dashboard["edited"] == {"fields": ["description"]}


@on_one_database
async def test_releasing_unmarked_fields_changes_nothing(service: Service, superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(displayName="A"))
    before = await all_rows(service.database)

    await _release(superset, fields=["owners"], tags=["PII.Email", "PII.Nonsense"], extensionKeys=["nonsense"])
    await _release(superset)

    assert await all_rows(service.database) == before


@on_one_database
async def test_releasing_fields_that_are_not_stewarded_is_refused_with_all_other_errors(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=spec(displayName="A"))

    with pytest.raises(Refused) as refused:
        await superset.update_dashboard(
            fully_qualified_name="superset.d1",
            dashboard={"domain": "a..b"},
            update_mask="domain",
            release={"fields": ["displayName", "project", "tags"], "tags": ["PII.Email", 'PII."']},
        )

    assert refused.value.violations == {
        "dashboard.domain": "INVALID_FORMAT",
        "release.fields[1]": "UNKNOWN_FIELD",
        "release.fields[2]": "UNKNOWN_FIELD",
        "release.tags[1]": "INVALID_FORMAT",
    }


@on_one_database
async def test_a_release_needs_permission_to_update_a_matching_etag_and_a_live_asset(
    service: Service, superset: Caller
) -> None:
    created = await superset.create_dashboard(dashboard=spec(displayName="A", owners=BY_PEOPLE["owners"]))
    release = {"fully_qualified_name": "superset.d1", "release": {"fields": ["display_name"]}}

    for caller, etag, code in (
        (service.caller("bob", "data_consumer"), "", "PERMISSION_DENIED"),
        (superset, "another", "ABORTED"),
    ):
        with pytest.raises(Refused) as refused:
            await caller.update_dashboard(**release, etag=etag)
        assert refused.value.code == code
    await superset.update_dashboard(**release, validate_only=True)
    assert (await stored(superset))["edited"] == {"fields": ["display_name", "owners"]}

    owner = service.caller("ann", "data_consumer")
    released = await owner.update_dashboard(**release, etag=created["dashboard"]["etag"])
    assert released["dashboard"]["edited"] == {"fields": ["owners"]}

    await superset.delete_dashboard(fully_qualified_name="superset.d1")
    with pytest.raises(Refused) as refused:
        await superset.update_dashboard(**release)
    assert refused.value.code == "NOT_FOUND"


@on_one_database
async def test_a_mark_is_removed_with_its_tag(superset: Caller) -> None:
    await ingest_one(superset, tags=labels("PII.Email", "PII.Phone"))
    await superset.update_dashboard(fully_qualified_name="superset.d1", dashboard={}, update_mask="tags")

    await superset.delete_entity(kind="KIND_TAG", fully_qualified_name="PII.Email", hard=True)

    assert (await stored(superset))["edited"] == {"tags": ["PII.Phone"]}


async def _release(caller: Caller, **marks: list[str]) -> Json:
    return _dashboard(await caller.update_dashboard(fully_qualified_name="superset.d1", release=marks))


async def _edit(caller: Caller, **fields: Any) -> Json:
    return _dashboard(await caller.upsert_dashboard(dashboard=spec(**fields)))


def _dashboard(answer: Json) -> Json:
    dashboard: Json = answer["dashboard"]
    return dashboard
