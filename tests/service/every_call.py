"""Calls every method of the API and every route of HTTP that reaches the store, each so that it succeeds."""

from collections.abc import Mapping
from typing import Any

import httpx

from dashboard_catalog.http.dropped.dropped import dropped_routers
from dashboard_catalog.metrics.declared import Metrics
from dashboardcatalog.v1 import catalog_service_pb2, chart_service_pb2, dashboard_service_pb2
from tests.metrics_reading import of_process
from tests.service.caller import Caller, Json, Service
from tests.service.watching import watching
from tests.upgrades.story import BROKEN_OFF, BROKEN_OFF_ITEMS, of

_ROOT = "/api/v1"
_BODIES: Mapping[str, Json] = {
    "services/dashboardServices": {"name": "routed", "serviceType": "Homemade"},
    "users": {"name": "rita"},
    "teams": {"name": "routers", "teamType": "Group"},
    "classifications": {"name": "Routes", "description": "r"},
    "tags": {"name": "Short", "classification": "PII", "description": "s"},
    "domains": {"name": "Roads", "domainType": "Aggregate", "description": "r"},
    "charts": {"name": "route", "service": "looker"},
    "dashboards": {"name": "route", "service": "looker", "charts": ["superset.c2"]},
}
_ASSETS = ("charts", "dashboards")
_WITHOUT_STORE = {
    "GET /metrics",
    f"GET {_ROOT}/lineage/getLineageEdge/{{from_id}}/{{to_id}}",
    f"PUT {_ROOT}/lineage",
}
"""The routes that call nothing of the catalog, beside those of `dropped_routers`."""


def rpcs() -> set[str]:
    """Returns the names of all RPCs, as metrics have them."""
    modules = (dashboard_service_pb2, chart_service_pb2, catalog_service_pb2)
    services = [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]
    return {f"{service.full_name}/{name}" for service in services for name in service.methods_by_name}


async def routes(client: httpx.AsyncClient) -> set[str]:
    """Returns the names of all routes that reach the store, as metrics have them."""
    paths: Json = (await client.get("/openapi.json")).json()["paths"]
    named = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method, described in methods.items()
        if "security" in described
    }
    dropped: list[Any] = [route for router in dropped_routers() for route in router.routes]
    return named - _WITHOUT_STORE - {f"{method} {route.path_format}" for route in dropped for method in route.methods}


def called(metrics: Metrics) -> set[str]:
    """Returns the names of the RPCs and the routes that a server has served; a watch ends by being cancelled."""
    served = of_process(metrics).named("call_duration_seconds_count")
    return {one.labels["method"] for one in served if one.labels["code"] in ("OK", "CANCELLED") and one.value}


async def call_rest(service: Service) -> None:
    """Calls the RPCs that the story of `tests/upgrades` does not call, and what only some calls do, after the story."""
    admin, bot = service.caller("admin", "admin"), service.caller("loader", "ingestion_bot")
    # Only now is a session resumed, and one begun by somebody who may write nothing but owns something.
    more = {"items": of("looker", "chart", [{"name": "resumed"}]), "offset": BROKEN_OFF_ITEMS}
    loaded = await bot.bulk(more, options=BROKEN_OFF, finish={"totalItems": BROKEN_OFF_ITEMS + 1})
    assert loaded.summary["sweep"]["outcome"] == "SWEEP_OUTCOME_DONE"
    assert (await service.caller("ann", "viewer").bulk([])).refused is None
    for kind in ("dashboard", "chart"):
        await _call_assets(admin, kind)
    peer = {"name": "peer", "appliesTo": "dashboard", "propertyType": "entityReference"}
    await admin.upsert_entity(entity={"customProperty": {**peer, "config": {"entityTypes": ["chart"]}}})
    chart = (await admin.get_chart(fully_qualified_name="superset.c2"))["chart"]["id"]
    held: Json = {"name": "held", "service": "looker", "charts": ["looker.resumed", "superset.c2"]}
    await admin.create_dashboard(dashboard={**held, "extension": {"peer": {"type": "chart", "id": chart}}})
    shown = (await admin.get_dashboard(fully_qualified_name="looker.held"))["dashboard"]["charts"]
    assert [each["name"] for each in shown] == ["resumed", "c2"]
    assert (await admin.list_entities(kind="KIND_TEAM"))["entities"]
    await admin.get_entity(kind="KIND_USER", fully_qualified_name="ann")
    listed = (await admin.list_bulk_sessions(page_size=2))["sessions"]
    await admin.get_bulk_session(session_id=listed[0]["sessionId"])
    assert (await admin.search(query="held"))["results"]
    assert len(await admin.stream("ExportCatalog")) > 1
    async with watching(admin, start="WATCH_START_BEGINNING", includeState=True) as watcher:
        assert await watcher.catch_up()


async def _call_assets(admin: Caller, kind: str) -> None:
    def of_kind(verb: str, noun: str = "") -> Any:
        return getattr(admin, f"{verb}_{kind}{noun}")

    key = {"fully_qualified_name": "looker.compared"}
    await of_kind("create")(**{kind: {"name": "compared", "service": "looker"}})
    await of_kind("update")(**key, **{kind: {"description": "two"}}, update_mask="description")
    found = (await of_kind("get")(**key))[kind]
    assert (await of_kind("get")(id=found["id"]))[kind] == found
    assert len((await of_kind("list", "_versions")(**key))["versions"]) == 2
    assert await of_kind("compare", "_versions")(**key, from_version=0.1, to_version=0.2)
    await of_kind("revert")(**key, version=0.1)
    await of_kind("delete")(**key)
    await of_kind("restore")(id=found["id"])
    await of_kind("rename")(**key, new_name="compared before")
    wanted: Json = {"owner": "user:ann", "tag": "PII", "domain": "finance", "service": "looker", "updated_by": "admin"}
    for name, value in wanted.items():
        for order in ("name", "updated_at"):
            await of_kind("list", "s")(**{name: value}, page_size=2, order_by=order, include_total=True)


async def list_many(service: Service) -> None:
    """Calls for lists that the store reads in another way when there are many assets."""
    admin = service.caller("admin", "admin")
    owned = {"owner": "user:ann", "missing": ["MISSING_TAGS"]}
    for order in ("name", "updated_at"):
        await admin.list_dashboards(updated_before="2100-01-01T00:00:00Z", order_by=order)
        await admin.list_dashboards(**owned, order_by=order)


async def call_routes(client: httpx.AsyncClient) -> None:
    """Calls every route that reaches the store."""
    found = {path: await _call_resource(client, path, body) for path, body in _BODIES.items()}
    for path in _ASSETS:
        one = f"{path}/{found[path]['id']}"
        assert (await _call(client, "GET", f"{one}/versions"))["versions"]
        await _call(client, "GET", f"{one}/versions/0.1")
        name, id_ = found[path]["fullyQualifiedName"], found[path]["id"]
        await _call(client, "GET", f"lineage/{path[:-1]}/name/{name}")
        await _call(client, "GET", f"lineage/{path[:-1]}/{id_}")
        await _call(client, "PUT", f"{path}/bulk", [{"name": "many", "service": "routed"}])
        stale = {"scopeFqn": "routed", "scopeEntityType": "service", "seenFqns": ["routed.many"], "recursive": True}
        await _call(client, "DELETE", f"{path}/deleteStale", stale)
    await _call(client, "GET", "users/loggedInUser")
    await _call(client, "GET", "metadata/types", params={"limit": 100})
    type_ = await _call(client, "GET", "metadata/types/name/dashboard")
    string = await _call(client, "GET", "metadata/types/name/string")
    await _call(client, "GET", f"metadata/types/{type_['id']}")
    added = {"name": "road", "description": "r", "propertyType": {"id": string["id"], "type": "type"}}
    await _call(client, "PUT", f"metadata/types/{type_['id']}", added)
    for index in ("dashboard_search_index", "user_search_index"):
        await _call(client, "GET", "search/query", params={"q": "route", "index": index})
    wanted = {"fieldName": "fullyQualifiedName", "fieldValue": "looker.*", "index": "dashboard_search_index"}
    await _call(client, "GET", "search/fieldQuery", params=wanted)
    for path in reversed(list(_BODIES)):
        if path != "services/dashboardServices":
            await _call(client, "DELETE", f"{path}/async/{found[path]['id']}", params={"hardDelete": "true"})
    await _call(client, "DELETE", f"services/dashboardServices/async/{found['services/dashboardServices']['id']}")


async def _call_resource(client: httpx.AsyncClient, path: str, body: Json) -> Json:
    """Calls the routes that all resources have, and returns what exists at the end."""
    created = await _call(client, "POST", path, body)
    one, named = f"{path}/{created['id']}", f"{path}/name/{created['fullyQualifiedName']}"
    await _call(client, "PUT", path, {**body, "displayName": "routed"})
    assert (await _call(client, "GET", path))["data"]
    for place in (one, named):
        await _call(client, "GET", place)
        await _call(client, "PATCH", place, [{"op": "add", "path": "/description", "value": f"at {place}"}])
        await _call(client, "DELETE", place)
        await _call(client, "PUT", f"{path}/restore", {"id": created["id"]})
    return created


async def _call(
    client: httpx.AsyncClient, method: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None
) -> Json:
    kind = "application/json-patch+json" if method == "PATCH" else "application/json"
    answer = await client.request(method, f"{_ROOT}/{path}", json=body, params=params, headers={"content-type": kind})
    assert answer.status_code < 300, f"{method} {path}: {answer.text}"
    found: Json = answer.json() if answer.content else {}
    return found
