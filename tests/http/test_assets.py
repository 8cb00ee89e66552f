"""Dashboards and charts over HTTP."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.http.conftest import Connect
from tests.service.caller import Caller


@pytest.mark.usefixtures("superset")
async def test_a_dashboard_is_created_read_listed_deleted_and_restored(connect: Connect) -> None:
    body = {
        "name": "sales",
        "displayName": "Sales",
        "service": "superset",
        "charts": ["superset.c1"],
        "owners": [{"id": "067319fd-fa77-4b55-b481-f438489b0931", "type": "user", "name": "ann"}],
        "tags": [{"tagFQN": "PII.Email", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}],
        "domains": ["finance"],
        "sourceHash": "abc",
        "lifeCycle": {"created": {}},
    }
    async with connect("admin", "admin") as client:
        created = await client.put("/api/v1/dashboards", json=body)
        assert created.status_code == 201, created.text
        again = await client.put("/api/v1/dashboards", json=body)
        assert (again.status_code, again.headers["etag"]) == (200, created.headers["etag"])
        conflict = await client.post("/api/v1/dashboards", json=body)
        assert (conflict.status_code, conflict.json()["code"]) == (409, 409)

        path = f"/api/v1/dashboards/{created.json()['id']}"
        short = (await client.get(path)).json()
        assert short.keys().isdisjoint({"owners", "charts", "tags", "domains", "extension", "etag"})
        whole = (await client.get("/api/v1/dashboards/name/superset.sales", params={"fields": "*"})).json()
        assert whole == created.json()
        assert [owner["name"] for owner in whole["owners"]] == ["ann"]
        listed = (await client.get("/api/v1/dashboards", params={"service": "superset"})).json()
        assert listed == {"data": [short], "paging": {"total": 1}}

        stale = await client.delete(path, headers={"if-match": '"x"'})
        assert stale.status_code == 412
        assert (await client.delete(path)).json()["deleted"] is True
        assert (await client.get(path)).status_code == 404
        assert (await client.get(path, params={"include": "all"})).status_code == 200
        restored = await client.put("/api/v1/dashboards/restore", json={"id": whole["id"]})
        assert restored.json()["deleted"] is False


async def test_what_clients_send_for_a_name_is_found(connect: Connect, superset: Caller) -> None:
    for service in ("grafana.local", '"odd"'):
        await superset.upsert_entity(entity={"biService": {"name": service, "serviceType": "Grafana"}})
    charts = "/api/v1/charts"
    async with connect("admin", "admin") as client:
        # The raw name of a BI service, and its fully qualified name.
        for sent, status in (("grafana.local", 201), ('"grafana.local"', 200)):
            put = await client.put(charts, json={"name": 'a"b > c/d', "service": sent, "sourceHash": "ab"})
            assert put.status_code == status
            assert put.json()["service"]["name"] == "grafana.local"
        assert (await client.put(charts, json={"name": "x", "service": '"odd"'})).json()["service"]["name"] == '"odd"'
        listed = await client.get(charts, params={"service": "grafana.local", "fields": "sourceHash", "limit": 100})
        assert [one["sourceHash"] for one in listed.json()["data"]] == ["ab"]

        assert (
            await client.put(charts, json={"name": "e__reserved__quote__", "service": "superset"})
        ).status_code == 201
        named = {
            'grafana.local"."a""b > c/d"': 400,
            '"grafana.local"."a""b > c/d"': 200,
            '"grafana.local".a__reserved__quote__b __reserved__arrow__ c/d': 200,
            '"grafana.local".a__reserved__quote__b > c/d&include=all': 200,
            "superset.e__reserved__quote__": 200,
            'superset."e"""': 404,
            "superset.none": 404,
            "superset.none__reserved__colon__&include=all": 404,
            "superset": 400,
        }
        for name, status in named.items():
            got = await client.get(f"{charts}/name/{quote(name, safe='&=')}")
            assert got.status_code == status, (name, got.text)
            assert status == 200 or got.json().keys() == {"code", "message"}
        encoded = quote('"grafana.local".a__reserved__quote__b > c/d', safe="")
        deleted = await client.delete(f"{charts}/name/{encoded}", params={"recursive": True})
        assert (deleted.status_code, deleted.json()["deleted"]) == (200, True)
        assert (await client.get(f"{charts}/name/{encoded}")).status_code == 404
        assert (await client.get(f"{charts}/name/{encoded}&include=all")).status_code == 200
        removed = await client.delete(f"{charts}/name/{encoded}", params={"hardDelete": True})
        assert (removed.status_code, removed.headers["etag"]) == (200, deleted.headers["etag"])
        assert (await client.get(f"{charts}/name/{encoded}&include=all")).status_code == 404


async def test_pages_go_both_ways(connect: Connect, superset: Caller) -> None:
    async with connect("admin", "admin") as client:

        async def page(limit: int = 2, **params: str | int) -> tuple[list[str], dict[str, Any]]:
            answer = await client.get("/api/v1/charts", params=params | {"service": "superset", "limit": limit})
            assert answer.status_code == 200, answer.text
            return [one["name"] for one in answer.json()["data"]], answer.json()["paging"]

        await superset.upsert_chart(chart={"name": "c4", "service": "superset"})
        await superset.upsert_chart(chart={"name": "c5", "service": "superset"})
        first, paging = await page()
        assert (first, paging) == (["c1", "c2"], {"total": 5, "after": paging["after"]})
        second, paging = await page(after=paging["after"])
        assert second == ["c3", "c4"]
        last, end = await page(after=paging["after"])
        assert (last, end) == (["c5"], {"total": 5, "before": end["before"]})
        assert (await page(before=end["before"]))[0] == second
        first_again, start = await page(before=paging["before"])
        assert (first_again, start) == (first, {"total": 5, "after": start["after"]})
        assert (await page(after=start["after"]))[0] == second
        assert await page(limit=0) == ([], {"total": 5})
        wrong: list[dict[str, str | int]] = [
            {"after": "x"},
            {"limit": -1},
            {"include": "some"},
            {"after": end["before"]},
            {"after": start["after"], "before": end["before"]},
        ]
        for params in wrong:
            refused = await client.get("/api/v1/charts", params=params | {"service": "superset"})
            assert refused.json() == {"code": 400, "message": refused.json()["message"]}


async def test_lists_filter_or_refuse(connect: Connect, superset: Caller) -> None:
    await superset.upsert_dashboard(dashboard={"name": "sales", "service": "superset", "domain": "finance.tax"})
    await superset.upsert_dashboard(dashboard={"name": "other", "service": "superset"})
    await superset.upsert_chart(chart={"name": "c1", "service": "superset", "domain": "finance"})
    async with connect("ann", "data_steward") as client:

        async def listed(path: str, **params: Any) -> Any:
            answer = (await client.get(f"/api/v1/{path}", params=params)).json()
            return [one["name"] for one in answer["data"]] if "data" in answer else answer["message"]

        assert await listed("dashboards", domain="finance") == ["sales"]
        assert await listed("dashboards", domain="finance", service="superset", limit=1) == ["sales"]
        assert await listed("charts", domain="finance") == ["c1"]
        assert await listed("charts", domain="finance.tax") == await listed("charts", domain="none") == []
        assert (await listed("charts", domain='"')).startswith("domain: ")
        sales = (await client.get("/api/v1/dashboards/name/superset.sales")).json()["id"]
        for path, name in (
            ("users", "team"),
            ("users", "isBot"),
            ("teams", "parentTeam"),
            ("tags", "disabled"),
            ("services/dashboardServices", "domain"),
            ("dashboards", "owner"),
            (f"dashboards/{sales}/versions", "fieldChanged"),
            ("metadata/types", "after"),
        ):
            assert (await listed(path, **{name: "x"})).startswith(f"{name}: is no parameter of this list, "), path
        assert await listed("users", **{"x\n" * 99: ""}) == (
            "x\\n" * 21 + "x...: is no parameter of this list, which has after, before, fields, include, limit, parent"
        )
        assert (await listed("metadata/types", limit=18)).startswith("limit: ")
        # What the SDK sends.
        every: dict[str, Any] = {"limit": 100, "include": "all", "fields": "owners"}
        assert await listed("users", **every) == ["ann", "bob"]
        assert "string" in await listed("metadata/types", category="field", fields="*", limit=100)


async def test_versions_and_refusals(connect: Connect, superset: Caller) -> None:
    root = "/api/v1/dashboards"
    async with connect("admin", "admin") as client:
        body = {"name": "sales", "service": "superset", "owners": [{"type": "user", "name": "ann"}]}
        created = await client.post(root, json=body)
        assert created.status_code == 201
        path = f"{root}/{created.json()['id']}"
        changed = await client.put(root, params={"async": True}, json=body | {"description": "new"})
        assert changed.json()["changeDescription"]["previousVersion"] == 0.1
        job = await client.delete(f"{root}/async/{created.json()['id']}", params={"hardDelete": False})
        assert (job.status_code, job.json().keys()) == (200, {"jobId", "message"})
        await superset.delete_entity(kind="KIND_USER", fully_qualified_name="ann")

        versions = (await client.get(f"{path}/versions")).json()
        assert versions["entityType"] == "dashboard"
        read = [json.loads(version) for version in versions["versions"]]
        assert [(one["version"], one["deleted"]) for one in read] == [(0.3, True), (0.2, False), (0.1, False)]
        old = await client.get(f"{path}/versions/0.1")
        assert (old.json(), old.headers["etag"]) == (read[2], created.headers["etag"])
        assert [owner["deleted"] for owner in old.json()["owners"]] == [True]

        new = {"name": "new", "service": "superset"}
        for method, place, sent, status in (
            ("POST", root, body, 409),
            ("PUT", root, new | {"domains": ["finance", "finance.tax"]}, 400),
            ("PUT", root, new | {"extension": "s3cret"}, 400),
            ("PUT", root, new | {"owners": [{"type": "user", "name": "nobody"}]}, 400),
            ("PUT", root, new | {"service": "none"}, 400),
            ("PUT", root, [], 400),
            ("PUT", f"{root}/restore", {}, 400),
            ("GET", f"{root}/none", None, 400),
            ("GET", f"{path}/versions/9.9", None, 404),
            ("GET", f"{path}/versions/nan", None, 400),
            ("GET", f"{path}/versions/x", None, 400),
            ("DELETE", path, None, 404),
            ("PATCH", path, [], 404),
        ):
            refused = await client.request(method, place, json=sent)
            assert (refused.status_code, refused.json()["code"]) == (status, status), (method, place, refused.text)
            assert refused.json().keys() == {"code", "message"}
            assert "s3cret" not in refused.text
        for stale in (
            await client.put(root, json=body, headers={"if-match": created.headers["etag"]}),
            await client.put(root, json=new, headers={"if-match": '"x"'}),
        ):
            assert stale.status_code == stale.json()["code"] == 412
        for method, place, sent in (("PUT", root, new), ("PATCH", path, []), ("DELETE", path, None)):
            refused = await client.request(method, place, json=sent, headers={"if-match": f'"{"x" * 129}"'})
            assert refused.json() == {"code": 400, "message": "If-Match: must be at most 128 characters, has 129"}
    async with connect("eve") as client:
        assert [(await client.put(root, json=new)).status_code, (await client.delete(path)).status_code] == [403, 403]
