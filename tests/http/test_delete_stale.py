"""What a source no longer has is deleted in one call, which is a session of its own."""

import asyncio
from typing import Any

import httpx
import pytest

from dashboard_catalog.catalog.bulk import stale
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect
from tests.metrics_reading import of_process
from tests.service.caller import Caller
from tests.service.streams import Stream

Json = dict[str, Any]

CHARTS = {"d0": "c1", "d1": "c2", "d2": "c3"}


async def delete_stale(client: httpx.AsyncClient, kind: str, seen: Any, **fields: Any) -> httpx.Response:
    body = {"scopeFqn": "superset", "scopeEntityType": "service", "seenFqns": seen, "recursive": True} | fields
    return await client.request("DELETE", f"/api/v1/{kind}/deleteStale", json=body)


async def names(client: httpx.AsyncClient, kind: str) -> list[str]:
    answer = await client.get(f"/api/v1/{kind}", params={"service": "superset", "limit": 1000})
    return sorted(one["name"] for one in answer.json()["data"])


async def load(client: httpx.AsyncClient, *more: Json) -> None:
    bodies = [{"name": name, "service": "superset", "charts": [f"superset.{chart}"]} for name, chart in CHARTS.items()]
    answer = await client.put("/api/v1/dashboards/bulk", json=[*bodies, *more])
    assert answer.json()["status"] == "success", answer.text


async def test_what_ingestion_wrote_and_a_source_no_longer_has_is_deleted(
    connect: Connect, superset: Caller, server: CatalogServer
) -> None:
    sweeps = of_process(server.metrics).of("bulk_sweeps_total", outcome="DONE")
    await superset.upsert_dashboard(dashboard={"name": "by a person", "service": "superset"})
    async with connect("robot", "ingestion_bot") as client:
        await load(client, {"name": "a__reserved__quote__b", "service": "superset"})
        everything = ["a__reserved__quote__b", "by a person", *CHARTS]
        preview = (await delete_stale(client, "dashboards", ["superset.d0"], dryRun=True)).json()
        assert preview["numberOfRowsPassed"] == 3
        assert await names(client, "dashboards") == everything

        answer = await delete_stale(client, "dashboards", ["superset.d0", 'superset."a""b"'])
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "status": "success",
                "numberOfRowsProcessed": 2,
                "numberOfRowsPassed": 2,
                "numberOfRowsFailed": 0,
                "successRequest": [{"request": f"superset.{name}", "status": 200} for name in ("d1", "d2")],
                "failedRequest": [],
            },
        )
        assert await names(client, "dashboards") == ["a__reserved__quote__b", "by a person", "d0"]
        assert await names(client, "charts") == ["c1"]
        # Without the one that was only a preview.
        assert of_process(server.metrics).of("bulk_sweeps_total", outcome="DONE") == sweeps + 1

        # Like every session, it can be put back.
        (newest, *_) = (await superset.list_bulk_sessions(service="superset"))["sessions"]
        assert newest["state"] == "BULK_SESSION_STATE_FINISHED"
        assert int(newest["summary"]["sweep"]["deleted"]) == 2
        *_, last = await superset.stream("RevertSession", session_id=newest["sessionId"])
        assert int(last["summary"]["reverted"]) == 4
        assert await names(client, "dashboards") == everything
        assert await names(client, "charts") == ["c1", "c2", "c3"]

        await delete_stale(client, "dashboards", ["superset.d0"], recursive=False)
        assert await names(client, "charts") == ["c1", "c2", "c3"]
        await delete_stale(client, "charts", ["superset.c1", "superset.c3"])
        assert await names(client, "charts") == ["c1", "c3"]
        # A later load brings back what the source has again.
        await load(client)
        assert await names(client, "dashboards") == ["by a person", *CHARTS]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_wrong_request_deletes_nothing(connect: Connect, superset: Caller) -> None:
    async with connect("robot", "ingestion_bot") as client:
        await load(client)
        wrong: list[tuple[Json, str]] = [
            ({"seenFqns": None}, "seenFqns"),
            ({"seenFqns": ["superset.d0", 'superset."d1']}, "seenFqns[1]"),
            ({"seenFqns": ["superset"]}, "seenFqns[0]"),
            ({"seenFqns": [1]}, "seenFqns[0]"),
            ({"scopeEntityType": "table"}, "scopeEntityType"),
            ({"scopeFqn": ""}, "scopeFqn"),
            ({"hardDelete": True}, "hardDelete"),
            ({"recursive": "yes"}, "recursive"),
        ]
        for fields, field in wrong:
            answer = await delete_stale(client, "dashboards", ["superset.d0"], **fields)
            assert answer.status_code == answer.json()["code"] == 400
            assert answer.json()["message"].startswith(f"{field}: ")
        for seen, service in (([], "superset"), (["looker.d0"], "superset"), (["nothing.d0"], "nothing")):
            answer = await delete_stale(client, "dashboards", seen, scopeFqn=service)
            assert (answer.status_code, answer.json()["numberOfRowsProcessed"]) == (200, 0)
        async with connect("ann", "data_steward") as steward:
            assert (await delete_stale(steward, "dashboards", ["superset.d0"])).status_code == 403
        async with Stream(superset) as stream:
            await stream.send(options={"service": "superset", "sweep": {}})
            await stream.read()
            answer = await delete_stale(client, "dashboards", ["superset.d0"])
            assert answer.status_code == answer.json()["code"] == 409
        assert await names(client, "dashboards") == [*CHARTS]


async def test_an_interruption_leaves_nothing_half_done(
    connect: Connect, superset: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: Any) -> None:
        raise CatalogError(Reason.DRAINING, "interrupted")

    async with connect("robot", "ingestion_bot") as client:
        await load(client)
        sessions = (await superset.list_bulk_sessions())["sessions"]
        with monkeypatch.context() as patched:
            patched.setattr(stale, "finish_session", interrupted)
            assert (await delete_stale(client, "dashboards", ["superset.d0"])).status_code == 503
        assert await names(client, "dashboards") == [*CHARTS]
        assert (await superset.list_bulk_sessions())["sessions"] == sessions
        assert (await delete_stale(client, "dashboards", ["superset.d0"])).json()["numberOfRowsPassed"] == 2


async def test_it_runs_beside_a_stream_of_the_same_service(connect: Connect, superset: Caller) -> None:
    async with connect("robot", "ingestion_bot") as client, Stream(superset) as stream:
        await stream.send(options={"service": "superset"})
        await stream.read()
        for number in range(5):
            chunk = [{"dashboard": {"name": f"s{number}{n}", "service": "superset"}} for n in range(20)]
            answers = await asyncio.gather(
                delete_stale(client, "dashboards", ["superset.d0", "superset.s00"]),
                delete_stale(client, "dashboards", ["superset.d0", "superset.s00"]),
                load(client),
                stream.send(*chunk),
            )
            assert {answer.status_code for answer in answers if answer} == {200}
        bulk = await stream.end()
        assert (bulk.refused, bulk.failures, bulk.counts) == (None, {}, {"created": 100})
        await delete_stale(client, "dashboards", ["superset.d0", "superset.s00"])
        assert await names(client, "dashboards") == ["d0", "s00"]
