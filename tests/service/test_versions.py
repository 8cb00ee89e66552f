"""Versions: each change makes one, with history and a description; a write that changes nothing leaves no trace."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from dashboard_catalog.store.tables import CHART, DASHBOARD
from tests.service.assets import KINDS, Assets, all_rows, each_kind, history
from tests.service.caller import Caller, Json, Refused, Service

TABLES = {"dashboard": DASHBOARD, "chart": CHART}


@each_kind
async def test_versions_start_at_0_1_and_grow_by_0_1(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    seen = [(await assets.upsert("a1", description=str(number))).asset["version"] for number in range(12)]

    assert seen == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
    for number, version in enumerate(seen):
        old = await assets.get("a1", version=version)
        assert (old["version"], old["description"]) == (version, str(number))


@each_kind
async def test_a_version_is_stored_as_whole_tenths_however_high(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")
    async with service.database._writers.begin() as connection:
        await connection.execute(update(TABLES[kind]).where(TABLES[kind].c.name == "a1").values(version=5983))

    changed = await assets.update("a1", "description", description="one")

    assert (changed["version"], changed["changeDescription"]["previousVersion"]) == (598.4, 598.3)
    assert (await assets.get("a1", version=598.3))["version"] == 598.3


@each_kind
async def test_a_version_says_whether_ingestion_wrote_it(superset: Caller, bot: Caller, kind: str) -> None:
    await Assets(superset, kind).create("a1")
    await Assets(bot, kind).upsert("a1", sourceUrl="https://bi/1")
    await Assets(superset, kind).upsert("a1", description="one")

    seen = [await Assets(superset, kind).get("a1", version=version) for version in (0.1, 0.2, 0.3)]
    assert [one.get("byIngestion", False) for one in seen] == [False, True, False]


@each_kind
async def test_a_change_description_names_added_updated_and_deleted_fields(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1", description="one", sourceUrl="https://bi/1")

    asset, _ = await assets.upsert("a1", mask=["sourceUrl"], displayName="Sales", description="two")

    assert asset["changeDescription"] == {
        "previousVersion": 0.1,
        "fieldsAdded": [{"name": "displayName", "newValue": "Sales"}],
        "fieldsUpdated": [{"name": "description", "oldValue": "one", "newValue": "two"}],
        "fieldsDeleted": [{"name": "sourceUrl", "oldValue": "https://bi/1"}],
    }
    assert (await assets.get("a1"))["changeDescription"] == asset["changeDescription"]
    assert "changeDescription" not in await assets.get("a1", version=0.1)


@each_kind
async def test_changes_of_lists_name_only_added_and_removed_elements(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    ann, bob = {"type": "user", "name": "ann"}, {"type": "user", "name": "bob"}
    label = {"source": "Classification", "labelType": "Manual", "state": "Confirmed"}
    await assets.create("a1", owners=[ann], tags=[{"tagFQN": "PII.Email"}, {"tagFQN": "Tier.Gold"}], domain="finance")

    change = (
        await assets.upsert(
            "a1",
            owners=[ann, bob],
            tags=[{"tagFQN": "Tier.Gold"}, {"tagFQN": "PII.Phone"}],
            domain="finance.tax",
        )
    ).asset["changeDescription"]

    assert _by_name(change) == {
        "fieldsAdded": {"owners": ["bob"], "tags": [{"tagFQN": "PII.Phone"} | label], "domains": ["finance.tax"]},
        "fieldsDeleted": {"tags": [{"tagFQN": "PII.Email"} | label], "domains": ["finance"]},
    }


async def test_change_descriptions_use_openmetadata_s_field_names(superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    await dashboards.create("d1", charts=["superset.c1", "superset.c2"], extension={"costCentre": "X1", "budget": 7})

    async def change(**fields: Any) -> Json:
        return _by_name((await dashboards.upsert("d1", **fields)).asset["changeDescription"])

    assert await change(charts=["superset.c2", "looker.c1"], dashboardType="Report", project="EMEA") == {
        "fieldsAdded": {"charts": ["looker.c1"], "dashboardType": "Report", "project": "EMEA"},
        "fieldsDeleted": {"charts": ["superset.c1"]},
    }
    assert await change(charts=["looker.c1", "superset.c2"]) == {
        "fieldsUpdated": {"charts": (["superset.c2", "looker.c1"], ["looker.c1", "superset.c2"])}
    }
    assert await change(extension={"costCentre": "X2", "budget": None}) == {
        "fieldsUpdated": {"extension.costCentre": ("X1", "X2")},
        "fieldsDeleted": {"extension": [{"budget": 7}]},
    }
    assert await change(extension={"budget": 8}) == {"fieldsAdded": {"extension": [{"budget": 8}]}}


@each_kind
async def test_deletion_and_restoration_are_versions_that_change_deleted(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")

    deleted = await assets.delete("a1")
    restored = await assets.restore("a1")

    assert (deleted["version"], deleted["deleted"]) == (0.2, True)
    assert _by_name(deleted["changeDescription"]) == {"fieldsUpdated": {"deleted": (False, True)}}
    assert (restored["version"], restored.get("deleted")) == (0.3, None)
    assert _by_name(restored["changeDescription"]) == {"fieldsUpdated": {"deleted": (True, False)}}


@each_kind
async def test_every_version_can_be_read_also_after_deletion(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    written = [
        await assets.create("a1", description="one", owners=[{"type": "user", "name": "ann"}], domain="finance"),
        (await assets.upsert("a1", description="two", tags=[{"tagFQN": "PII.Email"}])).asset,
        await assets.update("a1", "owners", "domain"),
        await assets.delete("a1"),
    ]

    for asset in written:
        version = asset["version"]
        assert await assets.get("a1", version=version, deleted="DELETED_INCLUDE") == asset
        by_id = await getattr(superset, f"get_{kind}")(id=asset["id"], version=version, deleted="DELETED_ONLY")
        assert by_id[kind] == asset
        with pytest.raises(Refused, match="NOT_FOUND"):
            await assets.get("a1", version=version)

    await assets.restore("a1")
    assert await assets.get("a1", version=0.1) == written[0]
    assert (await assets.get("a1", version=0.4))["deleted"]
    with pytest.raises(Refused, match="NOT_FOUND"):
        await assets.get("a1", version=0.1, deleted="DELETED_ONLY")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_old_version_can_be_read_after_its_references_were_removed(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1", owners=[{"type": "user", "name": "ann"}], tags=[{"tagFQN": "PII.Email"}])
    await assets.update("a1", "owners", "tags")
    edited = (await assets.get("a1"))["edited"]
    assert edited == {"fields": ["owners"], "tags": ["PII.Email"]}
    await superset.delete_entity(kind="KIND_USER", fully_qualified_name="ann", hard=True)

    old = await assets.get("a1", version=0.1)

    assert len(old["owners"]) == 1
    assert old["owners"][0]["deleted"]
    assert (await assets.get("a1"))["changeDescription"]["fieldsDeleted"]


@each_kind
async def test_an_absent_version_is_not_found_and_one_between_tenths_is_invalid(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")

    for missing in (0.2, 1.0, 1e6):
        with pytest.raises(Refused) as refused:
            await assets.get("a1", version=missing)
        assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "NOT_FOUND")
        assert refused.value.details["ResourceInfo"]["resourceName"].startswith("superset.a1")
    for version in (0, 0.05, 0.15, -0.1, 1e300, 1.7e308, -1.7e308, 5e-324, 214748364.8, "NaN", "Infinity", "-Infinity"):
        with pytest.raises(Refused) as refused:
            await assets.get("a1", version=version)
        assert refused.value.code == "INVALID_ARGUMENT"
        assert list(refused.value.violations) == ["version"]


@each_kind
async def test_a_write_that_changes_nothing_leaves_no_trace(
    service: Service, superset: Caller, bot: Caller, kind: str
) -> None:
    fields: Json = {"description": "one", "owners": [{"type": "user", "name": "ann"}], "domain": "finance"}
    by_admin, by_bot = Assets(superset, kind), Assets(bot, kind)
    first = await by_admin.create("a1", **fields)
    before = await all_rows(service.database)

    for assets in (by_admin, Assets(service.caller("stella", "data_steward"), kind)):
        assert await assets.upsert("a1", **fields) == (first, "UNCHANGED")
        assert await assets.update("a1", "description", "tags", description="one") == first
    assert await all_rows(service.database) == before

    # Ingestion stores what it sent, but this is not part of the asset.
    assert await by_bot.upsert("a1", **fields) == (first, "UNCHANGED")
    assert await by_bot.upsert("a1", **fields) == (first, "UNCHANGED")
    assert await history(service.database, kind) == []
    assert (await by_admin.get("a1")) == first


@each_kind
async def test_source_hash_is_stored_without_a_version(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    first = await assets.create("a1", sourceHash="one")

    asset, outcome = await assets.upsert("a1", sourceHash="two")

    assert outcome == "UNCHANGED"
    assert asset == first | {"sourceHash": "two"}
    assert await assets.get("a1") == asset
    # It is never compared: the same hash with other fields is a change.
    assert (await assets.upsert("a1", sourceHash="two", description="one")).outcome == "UPDATED"
    assert len(await history(service.database, kind)) == 1


@each_kind
async def test_history_stores_who_wrote_each_version_how_and_in_which_call(
    service: Service, superset: Caller, bot: Caller, kind: str
) -> None:
    created = await Assets(bot, kind).create("a1", description="one")
    await Assets(superset, kind).update("a1", "displayName", displayName="Sales")
    streamed = await bot.bulk([{kind: {"name": "a1", "service": "superset", "sourceUrl": "https://bi/1"}}])
    assert streamed.counts == {"updated": 1}
    await Assets(superset, kind).delete("a1")

    rows = await history(service.database, kind)
    async with service.database.read() as connection:
        table = TABLES[kind]
        rows += list(await connection.execute(select(*table.c).where(table.c.name == "a1")))

    assert [(row.version, row.updated_by, row.by_ingestion) for row in rows] == [
        (1, "loader", True),
        (2, "admin", False),
        (3, "loader", True),
        (4, "admin", False),
    ]
    assert len({row.call_id for row in rows} - {""}) == 4
    assert [row.session_id is not None for row in rows] == [False, False, True, False]
    assert {str(row.id) for row in rows} == {created["id"]}
    assert [row.change_number for row in rows] == sorted({row.change_number for row in rows})


@each_kind
async def test_history_has_one_row_per_change_of_its_own_asset(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")
    await assets.create("a2")
    for number in range(3):
        await assets.upsert("a1", description=str(number))
        await assets.upsert("a1", description=str(number))
    await assets.update("a2", "description", description="two")

    rows = await history(service.database, kind)

    assert [(row.name, row.version) for row in rows] == [("a1", 1), ("a1", 2), ("a1", 3), ("a2", 1)]


@each_kind
async def test_time_never_runs_backwards_within_an_asset(service: Service, superset: Caller, kind: str) -> None:
    assets, later = Assets(superset, kind), datetime.now(UTC) + timedelta(hours=1)
    held: Json = {"charts": ["superset.c1"]} if kind == "dashboard" else {}
    await assets.create("a1", **held)
    # As if the clock of the server, or of another one, had been an hour ahead.
    async with service.database._writers.begin() as connection:
        for table in TABLES.values():
            await connection.execute(update(table).values(updated_at=later))

    await assets.update("a1", "description", description="one")
    await superset.bulk([{kind: {"name": "a1", "service": "superset", "sourceUrl": "https://bi/1"}}])
    await assets.delete("a1")
    await assets.restore("a1")

    charts = [await Assets(superset, "chart").get("c1", version=version) for version in (0.1, 0.2, 0.3) if held]
    for one in [await assets.get("a1", version=version) for version in (0.1, 0.2, 0.3, 0.4, 0.5)] + charts:
        assert datetime.fromisoformat(one["updatedAt"]) == later
    new = await assets.create("a2")
    assert datetime.fromisoformat(new["updatedAt"]) < later


def _by_name(change: Json) -> Json:
    """Returns the fields of a change by name, with the added or removed value, or both."""

    def values(field: Json) -> Any:
        if "oldValue" in field and "newValue" in field:
            return field["oldValue"], field["newValue"]
        return field.get("newValue", field.get("oldValue"))

    return {
        part: {field["name"]: values(field) for field in fields}
        for part, fields in change.items()
        if part != "previousVersion"
    }
