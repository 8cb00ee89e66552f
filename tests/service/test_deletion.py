"""Delete and restore: soft by default, charts follow their dashboard, and hard deletion is permanent."""

import asyncio
from collections.abc import Awaitable

import pytest
from sqlalchemy import select

from dashboard_catalog.store.tables import DASHBOARD
from tests.service.assets import Assets, all_rows, each_kind, fqns, history, timeless
from tests.service.caller import Caller, Json, Refused, Service


async def deleted_charts(caller: Caller) -> list[str]:
    """Returns the names of deleted charts."""
    charts = (await caller.list_charts(deleted="DELETED_ONLY", page_size=1000)).get("charts", [])
    return sorted(chart["fullyQualifiedName"] for chart in charts)


@each_kind
async def test_get_update_and_soft_delete_do_not_find_a_deleted_asset(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    created = await assets.create("a1", description="one")

    deleted = await assets.delete("a1")

    assert (deleted["id"], deleted["deleted"], deleted["version"]) == (created["id"], True, 0.2)
    assert deleted["etag"] != created["etag"]
    for call in (
        assets.get("a1"),
        assets.get("a1", deleted="DELETED_EXCLUDE"),
        assets.update("a1", "description", description="two"),
        assets.update("a1", "description", etag=deleted["etag"], description="two"),
        assets.delete("a1"),
        assets.delete("a1", etag=created["etag"]),
        getattr(superset, f"get_{kind}")(id=created["id"]),
    ):
        with pytest.raises(Refused) as refused:
            await call
        assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "NOT_FOUND")
        assert refused.value.details["ResourceInfo"]["resourceType"] == kind
    assert await assets.get("a1", deleted="DELETED_INCLUDE") == deleted
    assert await assets.get("a1", deleted="DELETED_ONLY") == deleted


@each_kind
async def test_a_live_asset_is_not_found_among_the_deleted(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    created = await assets.create("a1")

    assert await assets.get("a1", deleted="DELETED_INCLUDE") == created
    with pytest.raises(Refused, match="NOT_FOUND"):
        await assets.get("a1", deleted="DELETED_ONLY")


@each_kind
async def test_allow_missing_returns_nothing_for_an_absent_asset(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")
    await assets.delete("a1")
    before = await all_rows(service.database)

    for name in ("a1", "a2"):
        assert await assets.delete(name, allow_missing=True) == {}
    assert await assets.delete("a2", allow_missing=True, hard=True) == {}
    with pytest.raises(Refused, match="NOT_FOUND"):
        await assets.delete("a2", hard=True)

    assert await all_rows(service.database) == before


@each_kind
async def test_an_etag_of_another_version_aborts(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    first = await assets.create("a1")
    second = await assets.update("a1", "description", description="two")
    before = await all_rows(service.database)

    for request in ({}, {"hard": True}, {"allow_missing": True}):
        with pytest.raises(Refused) as refused:
            await assets.delete("a1", etag=first["etag"], **request)
        assert (refused.value.code, refused.value.reason) == ("ABORTED", "ETAG_MISMATCH")
        assert refused.value.metadata == {"version": "0.2"}

    assert await all_rows(service.database) == before
    deleted = await assets.delete("a1", etag=second["etag"])
    assert await assets.delete("a1", etag=deleted["etag"], hard=True) == deleted


@each_kind
async def test_validate_only_returns_the_same_and_writes_nothing(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1", description="one")
    before = await all_rows(service.database)

    tried = [await assets.delete("a1", validate_only=True), await assets.delete("a1", validate_only=True, hard=True)]
    with pytest.raises(Refused, match="NOT_FOUND"):
        await assets.delete("a2", validate_only=True)

    assert await all_rows(service.database) == before
    hard = await assets.get("a1")
    assert [timeless(asset) for asset in tried] == [timeless(await assets.delete("a1")), timeless(hard)]


@each_kind
async def test_a_restored_asset_is_as_before_with_one_version_more(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    created = await assets.create("a1", description="one", owners=[{"type": "user", "name": "ann"}])
    await assets.delete("a1")

    restored = await assets.restore("a1")

    assert restored["version"] == 0.3
    volatile = {"version", "updatedAt", "etag", "changeDescription"}
    assert {name: restored.get(name) for name in created.keys() - volatile} == {
        name: created[name] for name in created.keys() - volatile
    }
    assert await assets.get("a1") == restored


@each_kind
async def test_restoring_a_live_asset_is_a_failed_precondition(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")
    before = await all_rows(service.database)

    with pytest.raises(Refused) as refused:
        await assets.restore("a1")
    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "NOT_DELETED")
    (violation,) = refused.value.details["PreconditionFailure"]["violations"]
    assert (violation["type"], violation["subject"]) == ("NOT_DELETED", f"{kind} superset.a1")
    with pytest.raises(Refused) as refused:
        await assets.restore("a2")
    assert refused.value.code == "NOT_FOUND"

    assert await all_rows(service.database) == before


@each_kind
async def test_an_upsert_restores_and_changes_in_one_version(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1", description="one", sourceUrl="https://bi/1")
    await assets.delete("a1")

    asset, outcome = await assets.upsert("a1", description="two")

    assert (outcome, asset["version"], asset.get("deleted")) == ("RESTORED", 0.3, None)
    assert (asset["description"], asset["sourceUrl"]) == ("two", "https://bi/1")
    updated = {field["name"]: field["newValue"] for field in asset["changeDescription"]["fieldsUpdated"]}
    assert updated == {"deleted": False, "description": "two"}
    assert [row.version for row in await history(service.database, kind)] == [1, 2]

    await assets.delete("a1")
    assert (await assets.upsert("a1")).outcome == "RESTORED"


async def test_charts_that_no_other_live_dashboard_holds_are_deleted_and_restored_with_theirs(
    service: Service, superset: Caller
) -> None:
    dashboards = Assets(superset, "dashboard")
    await dashboards.create("d1", charts=["superset.c1", "superset.c2", "looker.c1"])
    await dashboards.create("d2", charts=["superset.c2", "superset.c3"])
    await superset.create_dashboard(dashboard={"name": "l1", "service": "looker", "charts": ["superset.c3"]})

    deleted = await dashboards.delete("d1")
    # d2 holds c2, and looker's c1 is in another service.
    assert await deleted_charts(superset) == ["superset.c1"]
    assert [chart.get("deleted", False) for chart in deleted["charts"]] == [True, False, False]
    chart = await Assets(superset, "chart").get("c1", deleted="DELETED_ONLY")
    assert (chart["version"], chart["updatedBy"]) == (0.2, "admin")
    assert chart["changeDescription"]["fieldsUpdated"] == [{"name": "deleted", "oldValue": False, "newValue": True}]

    # d1 is deleted, so it no longer keeps c2; a dashboard of another service holds c3.
    await dashboards.delete("d2")
    assert await deleted_charts(superset) == ["superset.c1", "superset.c2"]

    restored = await dashboards.restore("d1")
    assert await deleted_charts(superset) == ["superset.c2"]
    assert [chart.get("deleted", False) for chart in restored["charts"]] == [False, True, False]
    await dashboards.restore("d2")
    assert await deleted_charts(superset) == []
    assert [(row.name, row.version) for row in await history(service.database, "chart")] == [
        ("c1", 1),
        ("c1", 2),
        ("c2", 1),
        ("c2", 2),
    ]


async def test_only_charts_deleted_with_a_dashboard_are_restored_with_it(superset: Caller) -> None:
    dashboards, charts = Assets(superset, "dashboard"), Assets(superset, "chart")
    await dashboards.create("d1", charts=["superset.c1", "superset.c2", "superset.c3"])
    await charts.delete("c1")
    await dashboards.delete("d1")
    assert await deleted_charts(superset) == ["superset.c1", "superset.c2", "superset.c3"]
    # c2 was restored alone and deleted again, so it no longer belongs to the deletion of d1.
    await charts.restore("c2")
    await charts.delete("c2")

    restored = await dashboards.restore("d1")

    assert await deleted_charts(superset) == ["superset.c1", "superset.c2"]
    assert fqns(restored["charts"]) == ["superset.c1", "superset.c2", "superset.c3"]
    assert (await charts.get("c3"))["version"] == 0.3


async def test_an_upsert_that_restores_a_dashboard_restores_its_charts_first(
    service: Service, superset: Caller
) -> None:
    dashboards = Assets(superset, "dashboard")
    await dashboards.create("d1", charts=["superset.c1", "superset.c2"])
    await dashboards.delete("d1")
    assert await deleted_charts(superset) == ["superset.c1", "superset.c2"]
    before = await all_rows(service.database)
    with pytest.raises(Refused, match="INVALID_ARGUMENT"):
        await dashboards.upsert("d1", domain="nowhere")
    assert await all_rows(service.database) == before

    asset, outcome = await dashboards.upsert("d1", charts=["superset.c3", "superset.c1"])

    assert (outcome, asset["version"]) == ("RESTORED", 0.3)
    assert fqns(asset["charts"]) == ["superset.c3", "superset.c1"]
    assert not any(chart.get("deleted") for chart in asset["charts"])
    assert await deleted_charts(superset) == []
    assert len(await history(service.database, "dashboard")) == 2


async def test_restoring_a_chart_leaves_its_dashboard_deleted(superset: Caller) -> None:
    dashboards, charts = Assets(superset, "dashboard"), Assets(superset, "chart")
    await dashboards.create("d1", charts=["superset.c1"])
    await dashboards.delete("d1")

    assert (await charts.upsert("c1", description="back")).outcome == "RESTORED"

    with pytest.raises(Refused, match="NOT_FOUND"):
        await dashboards.get("d1")


@each_kind
async def test_a_hard_deletion_removes_an_asset_with_its_history(service: Service, superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    before = await all_rows(service.database)
    created = await assets.create("a1")
    last = await assets.update("a1", "description", description="one")

    assert await assets.delete("a1", hard=True) == last

    after = await all_rows(service.database)
    # Change numbers are not reused, and the feed says that it was removed.
    assert len(after["removed"]) == len(before["removed"]) + 1
    others = before.keys() - {"service_sequence", "removed"}
    assert {name: after[name] for name in others} == {name: before[name] for name in others}
    for call in (assets.get("a1", deleted="DELETED_INCLUDE"), assets.get("a1", version=0.1), assets.restore("a1")):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await call
    again = await assets.create("a1")
    assert again["version"] == 0.1
    assert again["id"] != created["id"]


@each_kind
async def test_a_hard_deletion_removes_a_soft_deleted_asset(superset: Caller, kind: str) -> None:
    assets = Assets(superset, kind)
    await assets.create("a1")
    deleted = await assets.delete("a1")

    removed = await getattr(superset, f"delete_{kind}")(id=deleted["id"], hard=True)

    assert removed[kind] == deleted
    with pytest.raises(Refused, match="NOT_FOUND"):
        await assets.delete("a1", hard=True)


async def test_a_hard_deletion_removes_the_charts_that_are_deleted_with_it(service: Service, superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    await dashboards.create("d1", charts=["superset.c1", "superset.c2", "looker.c1"])
    await dashboards.create("d2", charts=["superset.c2"])
    await dashboards.delete("d1")

    await dashboards.delete("d1", hard=True)

    listed = (await superset.list_charts(deleted="DELETED_INCLUDE"))["charts"]
    assert sorted(fqns(listed)) == ["looker.c1", "superset.c2", "superset.c3"]
    assert await history(service.database, "chart") == []
    assert not any(chart.get("deleted") for chart in listed)


async def test_a_hard_deletion_leaves_charts_that_a_deleted_dashboard_would_restore(superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    await dashboards.create("d1", charts=["superset.c1", "superset.c2"])
    await dashboards.create("d2", charts=["superset.c1"])
    await dashboards.delete("d2")

    await dashboards.delete("d1", hard=True)

    restored = await dashboards.restore("d2")
    assert fqns(restored["charts"]) == ["superset.c1"]
    assert not restored["charts"][0].get("deleted")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await superset.get_chart(fully_qualified_name="superset.c2", deleted="DELETED_INCLUDE")


async def test_a_chart_that_a_dashboard_holds_cannot_be_removed(service: Service, superset: Caller) -> None:
    dashboards, charts = Assets(superset, "dashboard"), Assets(superset, "chart")
    await dashboards.create("d.1", charts=["superset.c1"])
    await dashboards.create("d2", charts=["superset.c1"])
    await charts.delete("c1")
    before = await all_rows(service.database)

    with pytest.raises(Refused) as refused:
        await charts.delete("c1", hard=True)

    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "STILL_REFERENCED")
    assert refused.value.metadata == {"references": "2"}
    (violation,) = refused.value.details["PreconditionFailure"]["violations"]
    assert (violation["type"], violation["subject"]) == ("STILL_REFERENCED", "chart superset.c1")
    assert 'superset."d.1"' in violation["description"]
    assert "superset.d2" in violation["description"]
    assert await all_rows(service.database) == before
    # With two dashboards fewer, the chart is removed with the last one.
    await dashboards.update("d2", "charts")
    await dashboards.delete('"d.1"', hard=True)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await charts.restore("c1")


async def test_a_whole_life_of_a_dashboard(service: Service, superset: Caller) -> None:
    dashboards = Assets(superset, "dashboard")
    await dashboards.create("d1", charts=["superset.c1"])
    await dashboards.upsert("d1", description="one")
    await dashboards.update("d1", "project", project="EMEA")
    await dashboards.delete("d1")
    last = await dashboards.restore("d1")

    assert (last["version"], last["description"], last["project"]) == (0.5, "one", "EMEA")
    assert [row.version for row in await history(service.database, "dashboard")] == [1, 2, 3, 4]
    await dashboards.delete("d1", hard=True)
    assert await history(service.database, "dashboard") == []


async def test_writes_in_one_batch_have_the_same_result_as_one_after_the_other(
    service: Service, superset: Caller
) -> None:
    dashboards, charts = Assets(superset, "dashboard"), Assets(superset, "chart")

    async def together(*calls: Awaitable[Json]) -> None:
        # The first write keeps the transaction open while the others wait for the next one.
        first = asyncio.ensure_future(dashboards.upsert("d0", description="busy", mask=["project"]))
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(answer, dict | Refused)
        await first

    for _ in range(3):
        # In any order, a dashboard and its chart are either both live or both deleted.
        await dashboards.upsert("d1", charts=["superset.c1"])
        await together(dashboards.delete("d1"), dashboards.restore("d1"), dashboards.restore("d1"))
        dashboard = await dashboards.get("d1", deleted="DELETED_INCLUDE")
        chart = await charts.get("c1", deleted="DELETED_INCLUDE")
        assert dashboard.get("deleted") == chart.get("deleted")

        # No version of a removed asset is left.
        await dashboards.upsert("d1", charts=["superset.c1"])
        await together(dashboards.delete("d1"), dashboards.delete("d1", hard=True))
        assert [row for row in await history(service.database, "dashboard") if row.name == "d1"] == []
        assert [row for row in await history(service.database, "chart") if row.name == "c1"] == []
        await charts.create("c1")

        # A dashboard that was restored earlier holds its charts.
        await dashboards.upsert("d1", charts=["superset.c2"])
        await dashboards.upsert("d2", charts=["superset.c2"])
        await dashboards.delete("d1")
        await together(dashboards.restore("d1"), dashboards.delete("d2"))
        async with service.database.read() as connection:
            rows = await connection.execute(select(DASHBOARD.c.name, DASHBOARD.c.change_number))
            number = {row.name: row.change_number for row in rows}
        assert (await deleted_charts(superset) == []) == (number["d1"] < number["d2"])
        await charts.upsert("c2")
