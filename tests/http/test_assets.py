"""Dashboards and charts over HTTP."""

import pytest

from tests.http.conftest import Connect


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
