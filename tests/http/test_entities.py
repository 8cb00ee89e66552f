"""Entities over HTTP: what OpenMetadata's clients send of them, and the answers that they accept."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect
from tests.service.caller import Caller

_BASE = {"id", "name", "fullyQualifiedName", "updatedAt", "updatedBy", "href"}
_BODIES: dict[str, dict[str, Any]] = {
    "services/dashboardServices": {"name": "looker.eu", "serviceType": "Homemade", "displayName": None},
    "users": {"name": "Ann Ü.", "displayName": "Ann", "teams": None, "isBot": True},
    "teams": {"name": "bi", "teamType": "Group"},
    "classifications": {"name": "Tier", "description": "t", "mutuallyExclusive": True},
    "tags": {"name": "Gold", "classification": "Tier", "description": "g"},
    "domains": {"name": "Finance", "domainType": "Consumer-aligned", "description": "f"},
}
_ANSWERED: dict[str, dict[str, Any]] = {
    "services/dashboardServices": {"serviceType": "CustomDashboard", "deleted": False},
    "users": {"email": "Ann_@no-email.example.com", "isBot": True, "displayName": "Ann", "deleted": False},
    "teams": {"teamType": "Group", "deleted": False},
    "classifications": {"description": "t", "mutuallyExclusive": True, "deleted": False},
    "tags": {"description": "g", "disabled": False, "deleted": False},
    "domains": {"domainType": "Aggregate", "description": "f"},
}


async def test_every_kind_is_created_read_listed_deleted_and_restored(connect: Connect) -> None:
    async with connect("admin", "admin") as client:
        for path, body in _BODIES.items():
            root, shown = f"/api/v1/{path}", _ANSWERED[path]
            created = await client.put(root, json=body)
            assert created.status_code == 201, created.text
            entity = created.json()
            references = {"classification"} if path == "tags" else set()
            assert entity.keys() == _BASE | references | shown.keys(), entity
            assert entity == entity | shown
            one = f"{root}/{entity['id']}"
            assert entity["href"].endswith(one)

            again = await client.put(root, json=body)
            assert (again.status_code, again.headers["etag"]) == (200, created.headers["etag"])
            assert (await client.post(root, json=body)).json()["code"] == 409
            assert (await client.get(one, params={"fields": "*"})).json() == entity
            # As clients do: without quotes around a name with a dot, and with a parameter in the path.
            name = "Tier.Gold" if path == "tags" else body["name"]
            assert (await client.get(f"{root}/name/{name}&include=all")).json() == entity
            assert (await client.get(root)).json() == {"data": [entity], "paging": {"total": 1}}

            for method, given in (("PUT", body), ("DELETE", None), ("PATCH", [])):
                stale = await client.request(
                    method, root if given == body else one, json=given, headers={"if-match": '"x"'}
                )
                assert stale.status_code == 412, (method, stale.text)
            gone = await client.delete(one, params={"recursive": "true", "hardDelete": "false"})
            assert gone.json() == entity | gone.json() | ({"deleted": True} if "deleted" in shown else {})
            assert (await client.get(one)).json()["code"] == 404
            assert (await client.post(root, json=body)).status_code == 409
            assert (await client.get(root)).json() == {"data": [], "paging": {"total": 0}}
            counted = await client.get(root, params={"include": "deleted", "limit": 0})
            assert counted.json() == {"data": [], "paging": {"total": 1}}
            restored = await client.put(f"{root}/restore", json={"id": entity["id"]})
            assert restored.json() == entity | {key: restored.json()[key] for key in ("updatedAt",)}


@pytest.mark.usefixtures("superset")
async def test_entities_refer_to_those_above_them_by_id_and_by_name(connect: Connect) -> None:
    async with connect("admin", "admin") as client:

        async def put(path: str, **body: Any) -> dict[str, Any]:
            answer = await client.put(f"/api/v1/{path}", json=body)
            assert answer.status_code == 201, answer.text
            return dict(answer.json())

        sales = (await client.get("/api/v1/teams/name/sales")).json()
        emea = (await client.get("/api/v1/teams/name/emea")).json()
        team = await put("teams", name="north", parents=[sales["id"], {"id": emea["id"], "type": "team"}])
        assert [parent["name"] for parent in team["parents"]] == ["sales", "emea"]
        assert team["parents"][0].keys() == {"id", "type", "name", "fullyQualifiedName"}
        domain = await put("domains", name="vat", parent="finance.tax")
        assert domain["fullyQualifiedName"] == "finance.tax.vat"
        assert domain["parent"] | {"type": "domain", "name": "tax"} == domain["parent"]
        tag = await put("tags", name="Work", classification="PII", parent="PII.Email")
        assert [tag[key]["fullyQualifiedName"] for key in ("classification", "parent")] == ["PII", "PII.Email"]
        listed = (await client.get("/api/v1/tags", params={"parent": "PII", "limit": 2})).json()
        assert ([one["name"] for one in listed["data"]], listed["paging"]["total"]) == (["Email", "Phone"], 3)
        rest = await client.get("/api/v1/tags", params={"parent": "PII", "after": listed["paging"]["after"]})
        assert [one["name"] for one in rest.json()["data"]] == ["Work"]

        patch = [
            {"op": "add", "path": "/displayName", "value": "At work"},
            {"op": "remove", "path": "/parent"},
            {"op": "add", "path": "/disabled", "value": True},
        ]
        patched = await client.patch(f"/api/v1/tags/{tag['id']}", json=patch)
        changed = {"displayName": "At work", "disabled": True, "updatedAt": patched.json()["updatedAt"]}
        assert patched.json() == {key: tag[key] for key in tag if key != "parent"} | changed
        moved = await client.patch(
            "/api/v1/teams/name/north",
            json=[{"op": "remove", "path": "/parents/0"}, {"op": "replace", "path": "/teamType", "value": "Division"}],
            headers={"if-match": (await client.get(f"/api/v1/teams/{team['id']}")).headers["etag"]},
        )
        assert ([parent["name"] for parent in moved.json()["parents"]], moved.json()["teamType"]) == (
            ["emea"],
            "Division",
        )
        for path, pointer in (("tags", "/classification/name"), ("teams", "/id"), ("domains", "/parent")):
            refused = await client.patch(
                f"/api/v1/{path}/{ {'tags': tag, 'teams': team, 'domains': domain}[path]['id'] }",
                json=[{"op": "replace", "path": pointer, "value": "x"}],
            )
            assert refused.status_code == 400, refused.text
        unknown = await client.put("/api/v1/teams", json={"name": "x", "parents": [tag["id"]]})
        assert (unknown.status_code, "there is no team" in unknown.json()["message"]) == (400, True)
        held = await client.delete(f"/api/v1/domains/{domain['parent']['id']}", params={"hardDelete": "true"})
        assert held.json()["code"] == 409


@pytest.mark.usefixtures("superset")
async def test_a_service_is_not_deleted_with_what_is_in_it(connect: Connect) -> None:
    root = "/api/v1/services/dashboardServices"
    async with connect("admin", "admin") as client:
        id_ = (await client.get(f"{root}/name/superset")).json()["id"]
        for path in (id_, "name/superset", f"async/{id_}"):
            for hard in ("false", "true"):
                held = await client.delete(f"{root}/{path}", params={"recursive": "true", "hardDelete": hard})
                assert held.status_code == 409, held.text
                assert ("has 3 dashboards and charts" in held.json()["message"]) == (hard == "false")
        for chart in (await client.get("/api/v1/charts", params={"service": "superset"})).json()["data"]:
            await client.delete(f"/api/v1/charts/{chart['id']}")
        assert (await client.delete(f"{root}/{id_}", params={"recursive": "true"})).json()["deleted"] is True
        # Like DeleteEntity over gRPC.
        alone = await client.delete(f"{root}/name/looker")
        assert (alone.status_code, alone.json()["deleted"]) == (200, True)
        assert (await client.get("/api/v1/charts/name/looker.c1")).json()["service"]["deleted"] is True


@pytest.mark.usefixtures("superset")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_callers_find_themselves(connect: Connect) -> None:
    path = "/api/v1/users/loggedInUser"
    async with connect("ann", "data_steward") as client:
        found = await client.get(path, params={"fields": "*"})
        assert (found.status_code, found.json()) == (200, (await client.get("/api/v1/users/name/ann")).json())
    async with connect("no.user", "data_steward") as client:
        missing = await client.get(path)
        assert missing.json() == {"code": 404, "message": 'there is no user "no.user"'}
        assert (await client.get("/api/v1/teams/loggedInUser")).status_code == 400


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_connection_of_a_service_is_dropped(
    connect: Connect, server: CatalogServer, superset: Caller
) -> None:
    secret = {"config": {"type": "Superset", "connection": {"username": "u", "password": "hunter2"}}}
    body = {"name": "local", "serviceType": "Superset", "connection": secret}
    body["sourceUrl"] = "https://u:hunter2@bi.example.com/"
    sent = [body, body, body | {"serviceType": secret}, body | {"connection": ["hunter2"]}]
    with capture_logs() as lines:
        async with connect("loader", "ingestion_bot") as client:
            answers = [await client.put("/api/v1/services/dashboardServices", json=one) for one in sent]
        server._access_log.flush()
    assert [answer.status_code for answer in answers] == [201, 200, 400, 400]
    assert all("hunter2" not in answer.text and "connection" not in answer.json() for answer in answers)
    dropped = [line["dropped"] for line in lines if line.get("dropped")]
    assert dropped == [{"bi_service.connection": 1}] * 3
    assert "hunter2" not in repr(lines)
    stored = await superset.get_entity(kind="KIND_BI_SERVICE", fully_qualified_name="local")
    assert stored["entity"]["biService"]["sourceUrl"] == "https://bi.example.com/"
    assert "hunter2" not in repr(stored)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_custom_properties_are_added_to_types(connect: Connect) -> None:
    root = "/api/v1/metadata/types"
    configs: dict[str, Any] = {
        "string": None,
        "enum": {"values": ["a", "b"], "multiSelect": True},
        "date-cp": "dd MMM yyyy",
        "entityReference": ["user", "dashboardService"],
        "table-cp": {"columns": ["x", "y"], "minColumns": 1, "maxColumns": 3},
    }
    answers = []
    async with connect("admin", "admin") as client:
        chart = (await client.get(f"{root}/name/chart?category=field")).json()
        for name, config in configs.items():
            type_ = (await client.get(f"{root}/name/{name}")).json()
            assert (type_["category"], type_["id"]) == (
                "field",
                (await client.get(f"{root}/{type_['id']}")).json()["id"],
            )
            body: dict[str, Any] = {"name": f"of {name}", "description": "d", "displayName": None}
            body |= {"propertyType": {"id": type_["id"], "type": "type", "name": None}}
            body |= {"customPropertyConfig": config and {"config": config}}
            answers.append(await client.put(f"{root}/{chart['id']}", json=body))
            assert answers[-1].status_code == 200, answers[-1].text
        shown = (await client.get(f"{root}/name/chart", params={"fields": "customProperties"})).json()
        assert shown == answers[-1].json()
        properties = {one["propertyType"]["name"]: one for one in shown["customProperties"]}
        kept = {name: one.get("customPropertyConfig", {"config": None})["config"] for name, one in properties.items()}
        assert kept == configs | {"table-cp": {"columns": ["x", "y"]}}
        assert properties["string"].keys() == {"name", "description", "propertyType"}
        assert "customProperties" not in (await client.get(f"{root}/name/chart")).json()
        listed = (await client.get(root, params={"category": "entity", "fields": "*"})).json()
        assert [len(one["customProperties"]) for one in listed["data"]] == [5, 0]

        wrong = await client.put(f"{root}/{chart['id']}", json={"name": "x", "propertyType": {"id": chart["id"]}})
        assert (wrong.status_code, "propertyType" in wrong.json()["message"]) == (400, True)
        assert (await client.get(f"{root}/name/table")).json()["code"] == 404
        assert (await client.get(f"{root}/{chart['id'].upper()}x")).json()["code"] == 404
