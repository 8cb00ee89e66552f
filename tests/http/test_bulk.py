"""Many dashboards or charts in one request."""

import asyncio
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.commands import AssetWrite, WrittenAsset
from dashboard_catalog.catalog.writing.asset_writes import AssetWrites
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect
from tests.service.caller import Caller

Json = dict[str, Any]


async def put_all(client: httpx.AsyncClient, kind: str, bodies: Any, **parameters: str) -> Json:
    answer = await client.put(f"/api/v1/{kind}/bulk", json=bodies, params={"async": "false"} | parameters)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def test_each_item_fails_alone_and_all_are_ingestion(connect: Connect, superset: Caller) -> None:
    await superset.upsert_dashboard(dashboard={"name": "edited", "service": "superset", "description": "by a person"})
    await superset.upsert_entity(entity={"biService": {"name": "grafana.local", "serviceType": "Grafana"}})
    charts = [f"superset.{'y' * 300}{number}" for number in range(2_000)]
    too_large = {"name": "large", "service": "superset", "charts": charts}
    bodies = [
        {"name": "new", "service": "superset", "charts": ["superset.c1"], "lifeCycle": {}, "sourceHash": "abc"},
        {"name": "edited", "service": "superset", "description": "by a source", "project": "p"},
        {"name": "broken", "service": "superset", "charts": ["superset.nothing"]},
        {"name": "raw", "service": "grafana.local"},
        {"name": 7, "service": "superset"},
        {"name": "no service"},
        "nonsense",
        too_large,
        {"name": "twice", "service": "superset", "description": "first"},
        {"name": "twice", "service": "superset", "description": "second"},
    ]
    async with connect("admin", "admin") as client:
        answer = await put_all(client, "dashboards", bodies)
        assert (answer["status"], answer["numberOfRowsProcessed"]) == ("partialSuccess", 10)
        assert (answer["numberOfRowsPassed"], answer["numberOfRowsFailed"]) == (5, 5)
        assert answer["successRequest"] == [
            {"request": name, "status": 200}
            for name in ("superset.new", "superset.edited", '"grafana.local".raw', "superset.twice", "superset.twice")
        ]
        failed = {one["request"]: (one["status"], one["message"]) for one in answer["failedRequest"]}
        assert {name: status for name, (status, _) in failed.items()} == {
            "superset.broken": 400,
            "[4]": 400,
            "no service": 400,
            "[6]": 400,
            "superset.large": 413,
        }
        assert "dashboard.charts[0]" in failed["superset.broken"][1]
        assert "nonsense" not in str(failed)

    edited = (await superset.get_dashboard(fully_qualified_name="superset.edited"))["dashboard"]
    assert (edited["description"], edited["project"]) == ("by a person", "p")
    twice = (await superset.get_dashboard(fully_qualified_name="superset.twice"))["dashboard"]
    assert (twice["description"], twice["version"]) == ("second", 0.2)

    async with connect("robot", "ingestion_bot") as client:
        assert (await put_all(client, "charts", []))["status"] == "success"
        again = await put_all(client, "dashboards", [bodies[2], bodies[6]])
        assert (again["status"], again["numberOfRowsPassed"], again["successRequest"]) == ("failure", 0, [])
    async with connect("ann", "data_consumer") as client:
        with capture_logs() as logged:
            denied = await put_all(client, "charts", [{"name": "c9", "service": "superset"}])
        assert [one["status"] for one in denied["failedRequest"]] == [403]
        assert [line["resource_name"] for line in logged if line["event"] == "denied"] == ["superset.c9"]


async def test_people_are_overridden_only_with_the_right_to(connect: Connect, superset: Caller) -> None:
    await superset.upsert_dashboard(dashboard={"name": "edited", "service": "superset", "description": "by a person"})
    bodies = [{"name": "edited", "service": "superset", "description": "by a source"}]
    async with connect("robot", "ingestion_bot") as client:
        refused = await client.put("/api/v1/dashboards/bulk?overrideMetadata=true", json=bodies)
        assert (refused.status_code, refused.json()["code"]) == (403, 403)
    async with connect("admin", "admin") as client:
        await put_all(client, "dashboards", bodies, overrideMetadata="true")
    edited = (await superset.get_dashboard(fully_qualified_name="superset.edited"))["dashboard"]
    assert edited["description"] == "by a source"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_request_is_a_list_of_at_most_a_thousand(
    connect: Connect, superset: Caller, server: CatalogServer
) -> None:
    del superset
    async with connect("robot", "ingestion_bot") as client:
        many = [{"name": f"c{number}", "service": "superset", "lifeCycle": {}} for number in range(1001)]
        for body in (many, {"name": "c"}):
            answer = await client.put("/api/v1/charts/bulk", json=body)
            assert answer.status_code == answer.json()["code"] == 400
        with capture_logs() as logged:
            assert (await put_all(client, "charts", many[:600]))["numberOfRowsPassed"] == 600
            server._access_log.flush()
        assert [line["dropped"] for line in logged if "dropped" in line] == [{"chart.lifeCycle": 600}]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_other_calls_have_turns_while_large_dashboards_are_written(
    connect: Connect, superset: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [
        {"name": f"d{place}", "service": "superset", "charts": [f"superset.m{one}" for one in range(50)]}
        for place in range(20)
    ]
    turns: list[int] = []
    apply = AssetWrites.apply

    def applied(writes: AssetWrites, write: AssetWrite) -> WrittenAsset:
        asyncio.get_running_loop().call_soon(turns.append, len(applied_after))
        applied_after.append(len(turns))
        return apply(writes, write)

    applied_after: list[int] = []
    del superset
    monkeypatch.setattr(AssetWrites, "apply", applied)
    monkeypatch.setattr("dashboard_catalog.catalog.writing.turns.CHARTS_AT_ONCE", 120)
    async with connect("robot", "ingestion_bot") as client:
        answer = await put_all(client, "dashboards", bodies)
    assert answer["numberOfRowsFailed"] == 20
    # Each write is applied with those before it that had a turn: all but the last two.
    assert applied_after == [place // 3 * 3 for place in range(20)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_request_fails_as_a_whole_while_the_database_is_away(
    connect: Connect, superset: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise CatalogError(Reason.DATABASE_UNAVAILABLE, "away")

    del superset
    async with connect("robot", "ingestion_bot") as client:
        monkeypatch.setattr(Catalog, "write_asset", away)
        good: Json = {"name": "c8", "service": "superset"}
        whole = await client.put("/api/v1/charts/bulk", json=[good, good])
        assert (whole.status_code, whole.headers["retry-after"]) == (503, "1")
        mixed = await put_all(client, "charts", [good, {}])
        assert [one["status"] for one in mixed["failedRequest"]] == [503, 400]
