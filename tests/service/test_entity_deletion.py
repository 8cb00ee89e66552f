"""Deletion of entities: soft deletion shows in references, and hard deletion needs that nothing refers to them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dashboard_catalog.store.tables import ENTITY
from tests.service.assets import all_rows, on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.entities import EXAMPLES, deleted, kind_of, read, refused, upserted

EVERYTHING: Json = {
    "name": "d",
    "service": "superset",
    "owners": [{"type": "user", "name": "ann"}],
    "domain": "finance.tax",
    "tags": [{"tagFQN": "PII.Email"}],
    "extension": {"costCentre": "X1"},
}


async def still_referenced(caller: Caller, kind: str, fqn: str) -> Refused:
    """Deletes an entity permanently, which must be refused because of references to it."""
    with pytest.raises(Refused) as caught:
        await deleted(caller, kind, fqn, hard=True)
    assert (caught.value.code, caught.value.reason) == ("FAILED_PRECONDITION", "STILL_REFERENCED")
    return caught.value


async def test_time_never_runs_backwards_within_an_entity(service: Service, superset: Caller) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    async with service.database._writers.begin() as connection:
        await connection.execute(update(ENTITY).values(updated_at=later))

    entities = [
        await upserted(superset, "user", name="ann", email="ann@example.com"),
        await deleted(superset, "user", "ann"),
        await upserted(superset, "user", name="ann"),
    ]

    assert [datetime.fromisoformat(entity["updatedAt"]) for entity in entities] == [later] * 3


async def test_a_soft_deletion_is_visible_and_an_upsert_undoes_it(superset: Caller) -> None:
    for kind, fqn, fields, _ in EXAMPLES:
        stored = await upserted(superset, kind, **fields)
        stored.pop("outcome")

        gone = await deleted(superset, kind, fqn)

        assert gone == {**stored, "deleted": True, "updatedAt": gone["updatedAt"]}
        assert gone["updatedAt"] > stored["updatedAt"]
        assert await read(superset, kind, fqn) == gone
        fqns = {
            which: [
                next(iter(entity.values()))["fullyQualifiedName"]
                for entity in (await superset.list_entities(kind=kind_of(kind), deleted=which)).get("entities", [])
            ]
            for which in ("DELETED_UNSPECIFIED", "DELETED_EXCLUDE", "DELETED_INCLUDE", "DELETED_ONLY")
        }
        assert fqn not in fqns["DELETED_UNSPECIFIED"] + fqns["DELETED_EXCLUDE"]
        assert fqn in fqns["DELETED_INCLUDE"]
        assert fqns["DELETED_ONLY"] == [fqn]
        # It is already deleted.
        with pytest.raises(Refused) as caught:
            await deleted(superset, kind, fqn)
        assert caught.value.code == "NOT_FOUND"
        request: Json = {"kind": kind_of(kind), "fully_qualified_name": fqn}
        assert await superset.delete_entity(**request, allow_missing=True) == {}
        # The upsert keeps the stored fields and adds the sent ones.
        names = {key: fields[key] for key in ("name", "classification", "parent", "appliesTo") if key in fields}
        back = await upserted(superset, kind, **names, description="Back")
        assert back.pop("outcome") == "RESTORED"
        assert back == {**stored, "description": "Back", "updatedAt": back["updatedAt"]}


@on_one_database
async def test_validate_only_deletes_nothing(service: Service, superset: Caller) -> None:
    rows = await all_rows(service.database)

    for hard in (False, True):
        shown = await deleted(superset, "user", "ann", validate_only=True, hard=hard)
        assert shown["name"] == "ann"
        assert shown.get("deleted", False) is not hard
        with pytest.raises(Refused) as caught:
            await deleted(superset, "user", "nobody", validate_only=True, hard=hard)
        assert caught.value.code == "NOT_FOUND"

    assert await all_rows(service.database) == rows


async def test_a_soft_deleted_entity_is_visible_in_references_to_it(superset: Caller) -> None:
    before = (await superset.create_dashboard(dashboard=EVERYTHING))["dashboard"]
    gone = {"biService": "superset", "user": "ann", "domain": "finance.tax", "tag": "PII.Email"}
    for kind, fqn in {**gone, "customProperty": "dashboard.costCentre"}.items():
        await deleted(superset, kind, fqn)

    after = (await superset.get_dashboard(fully_qualified_name="superset.d"))["dashboard"]

    for field in ("owners", "domains"):
        assert after[field] == [{**before[field][0], "deleted": True}]
    assert after["service"] == {**before["service"], "deleted": True}
    for field in ("tags", "extension", "serviceType", "version", "etag", "updatedAt"):
        assert after[field] == before[field], field
    assert (await read(superset, "domain", "finance.tax"))["parent"] == "finance"


async def test_a_soft_deleted_entity_is_refused_in_new_references(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=EVERYTHING)
    gone = "user ann,team sales,domain finance.tax,tag PII.Email,customProperty dashboard.costCentre,biService looker"
    for kind, _, fqn in (each.partition(" ") for each in gone.split(",")):
        await deleted(superset, kind, fqn)

    with pytest.raises(Refused) as caught:
        await superset.create_dashboard(dashboard={**EVERYTHING, "name": "new"})
    assert caught.value.violations == dict.fromkeys(
        [
            "dashboard.owners[0]",
            "dashboard.domain",
            "dashboard.tags[0].tag_fqn",
            "dashboard.extension.costCentre",
        ],
        "DELETED_REFERENCE",
    )
    with pytest.raises(Refused) as caught:
        await superset.create_chart(
            chart={"name": "c", "service": "looker", "owners": [{"type": "team", "name": "sales"}]}
        )
    assert caught.value.violations == {
        "chart.service": "DELETED_REFERENCE",
        "chart.owners[0]": "DELETED_REFERENCE",
    }
    # An asset that already refers to it may be written again and keep the reference.
    kept = await superset.upsert_dashboard(dashboard={**EVERYTHING, "displayName": "D"})
    assert (kept["outcome"], kept["dashboard"]["version"]) == ("OUTCOME_UPDATED", 0.2)
    # An upsert restores the entity, and new references to it are allowed again.
    await upserted(superset, "biService", name="looker")
    await superset.create_chart(chart={"name": "c", "service": "looker"})


@on_one_database
async def test_a_soft_deleted_parent_is_refused_for_new_children_only(superset: Caller) -> None:
    await upserted(superset, "team", name="north", parents=["sales"])
    await upserted(superset, "tag", name="Work", classification="PII", parent="PII.Email")
    gone = "team sales,domain finance,classification PII,tag PII.Email"
    for kind, _, fqn in (each.partition(" ") for each in gone.split(",")):
        await deleted(superset, kind, fqn)

    of_deleted = "DELETED_REFERENCE"
    assert await refused(superset, "team", name="new", parents=["sales"]) == {"entity.team.parents[0]": of_deleted}
    assert await refused(superset, "domain", name="new", parent="finance") == {"entity.domain.parent": of_deleted}
    assert await refused(superset, "tag", name="new", classification="PII", parent="PII.Email") == {
        "entity.tag.classification": of_deleted,
        "entity.tag.parent": of_deleted,
    }
    for kind, fields in (
        ("team", {"name": "north", "parents": ["sales"]}),
        ("domain", {"name": "tax", "parent": "finance"}),
        ("tag", {"name": "Work", "classification": "PII", "parent": "PII.Email"}),
    ):
        assert (await upserted(superset, kind, **fields, description="Kept"))["outcome"] == "UPDATED"


async def test_a_hard_deletion_leaves_nothing_behind(service: Service, superset: Caller) -> None:
    rows = await all_rows(service.database)
    # For whoever follows the changes: what was removed, and the change numbers of the removed BI services.
    del rows["service_sequence"], rows["removed"]
    for kind, fqn, fields, _ in EXAMPLES:
        stored = await upserted(superset, kind, **fields)
        stored.pop("outcome")

        assert await deleted(superset, kind, fqn, hard=True) == stored

        with pytest.raises(Refused) as caught:
            await read(superset, kind, fqn)
        assert caught.value.code == "NOT_FOUND"
        with pytest.raises(Refused) as caught:
            await deleted(superset, kind, fqn, hard=True)
        assert caught.value.code == "NOT_FOUND"
        # It also removes a soft-deleted entity, and the next one of the same name has another id.
        again = await upserted(superset, kind, **fields)
        assert (again["outcome"], again["id"] != stored["id"]) == ("CREATED", True)
        await deleted(superset, kind, fqn)
        assert (await deleted(superset, kind, fqn, hard=True))["deleted"]
    after = await all_rows(service.database)
    del after["service_sequence"], after["removed"]
    assert after == rows


async def test_an_entity_that_an_asset_refers_to_is_not_removed(superset: Caller) -> None:
    await superset.create_dashboard(dashboard=EVERYTHING)
    await upserted(superset, "customProperty", name="unit", appliesTo="chart", propertyType="string")
    chart = {**EVERYTHING, "name": "c", "owners": [{"type": "team", "name": "sales"}], "extension": {"unit": "kg"}}
    await superset.create_chart(chart=chart)
    both = "dashboard superset.d, chart superset.c"
    referrers = {
        ("user", "ann"): "dashboard superset.d",
        ("team", "sales"): "chart superset.c",
        ("domain", "finance.tax"): both,
        ("tag", "PII.Email"): both,
        ("customProperty", "dashboard.costCentre"): "dashboard superset.d",
        ("customProperty", "chart.unit"): "chart superset.c",
    }

    for deletion in ("live", "soft"):
        for (kind, fqn), by in referrers.items():
            error = await still_referenced(superset, kind, fqn)
            assert error.message.endswith(f"{fqn} is still referenced by {by}"), (deletion, error.message)
            assert error.metadata == {"references": str(by.count("superset"))}
            (violation,) = error.details["PreconditionFailure"]["violations"]
            assert violation["type"] == "STILL_REFERENCED"
            assert by in violation["description"]
        # A deleted asset still refers to them, so deleted entities stay too.
        if deletion == "live":
            for kind, fqn in referrers:
                await deleted(superset, kind, fqn)
            await superset.delete_dashboard(fully_qualified_name="superset.d")
            await superset.delete_chart(fully_qualified_name="superset.c")

    # They are removed once nothing holds them; an older version that held them can still be read.
    await superset.restore_chart(fully_qualified_name="superset.c")
    await superset.update_chart(fully_qualified_name="superset.c", update_mask="owners,domain,tags,extension")
    await superset.delete_dashboard(fully_qualified_name="superset.d", hard=True)
    for kind, fqn in referrers:
        await deleted(superset, kind, fqn, hard=True)
    first = (await superset.get_chart(fully_qualified_name="superset.c", version=0.1))["chart"]
    assert len(first["owners"]) == len(first["domains"]) == len(first["tags"]) == 1
    assert first["extension"] == {"unit": "kg"}
    assert (await superset.get_chart(fully_qualified_name="superset.c"))["chart"]["version"] == 0.4


async def test_an_entity_with_children_is_not_removed(superset: Caller) -> None:
    await upserted(superset, "team", name="north", parents=["emea", "sales"])
    await upserted(superset, "tag", name="Work", classification="Tier", parent="Tier.Gold")
    referrers = {
        ("team", "sales"): ["team north"],
        ("domain", "finance"): ["domain finance.tax"],
        ("classification", "Tier"): ["tag Tier.Gold", "tag Tier.Silver", "tag Tier.Work"],
        ("tag", "Tier.Gold"): ["tag Tier.Work"],
    }

    for (kind, fqn), by in referrers.items():
        error = await still_referenced(superset, kind, fqn)
        assert error.metadata == {"references": str(len(by))}
        assert all(each in error.message for each in by)
    await deleted(superset, "team", "north", hard=True)
    await deleted(superset, "team", "sales", hard=True)


async def test_a_service_with_assets_is_not_removed(superset: Caller) -> None:
    items = [{"dashboard": {"name": f"d{number}", "service": "looker"}} for number in range(12)]
    await superset.bulk(items)

    error = await still_referenced(superset, "biService", "looker")

    # c1 and all dashboards; the error does not name each of them.
    assert error.metadata == {"references": "13"}
    assert error.message.endswith("and 8 more")
    for item in [*items, {"chart": {"name": "c1", "service": "looker"}}]:
        ((kind, spec),) = item.items()
        request: dict[str, Any] = {"fully_qualified_name": f"looker.{spec['name']}", "hard": True}
        await (superset.delete_dashboard if kind == "dashboard" else superset.delete_chart)(**request)
    await deleted(superset, "biService", "looker", hard=True)
    # The name is free again.
    await upserted(superset, "biService", name="looker", serviceType="Looker")
    assert (await superset.list_dashboards(service="looker", deleted="DELETED_INCLUDE")) == {}
    created = (await superset.create_dashboard(dashboard={"name": "d1", "service": "looker"}))["dashboard"]
    assert created["version"] == 0.1
