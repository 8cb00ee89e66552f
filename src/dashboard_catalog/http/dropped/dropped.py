"""Routes for what OpenMetadata's connectors send besides dashboards and charts, which the catalog does not keep.

Each body is checked for its shape and dropped, so that connectors work unchanged. The log line of the call says what
was dropped. Nothing of a body is stored, logged or answered, except names.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fastapi import APIRouter, Request, Response

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.contract.limits import MAX_MESSAGE_ITEMS
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.application import CatalogRoute
from dashboard_catalog.http.assets.stale_requests import check_stale
from dashboard_catalog.http.dialect.answers import JsonAnswer
from dashboard_catalog.http.dialect.bulk_answers import Failure, bulk_answer
from dashboard_catalog.http.dialect.requests import as_object, sent_list, sent_object
from dashboard_catalog.http.dialect.shapes import Shape, check_shape
from dashboard_catalog.http.edge.calls import HttpCall, call_of
from dashboard_catalog.sources.items.openmetadata import name_in

_DATA_MODEL: Shape = {"name": str, "service": str, "dataModelType": str, "columns": list}
_USAGE: Shape = {"date": str, "count": int}
_PIPELINE: Shape = {
    "name": str,
    "service": dict,
    "pipelineType": str,
    "sourceConfig": dict,
    "airflowConfig": dict,
}
_DEFINITION = ".testConnectionDefinition"


def dropped_routers() -> list[APIRouter]:
    """Returns the routes of what has no resource here at all."""
    return [_data_models(), _usage(), _pipelines(), _definitions()]


def _router(path: str, tag: str) -> APIRouter:
    return APIRouter(prefix=f"/api/v1/{path}", tags=[tag], route_class=CatalogRoute)


def _data_models() -> APIRouter:
    router = _router("dashboard/datamodels", "data models (not kept)")

    @router.put("/bulk", summary="Takes data models, and drops them")
    async def put_all(request: Request) -> JsonAnswer:
        call = call_of(request)
        passed: list[str] = []
        failed: list[Failure] = []
        for place, body in enumerate(await sent_list(request, MAX_MESSAGE_ITEMS)):
            try:
                passed.append(_data_model(call, as_object(body, "an item"))["fullyQualifiedName"])
            except CatalogError as error:
                failed.append((f"[{place}]", error))
        return JsonAnswer(bulk_answer(passed, failed))

    @router.put("", summary="Takes a data model, and drops it")
    async def put(request: Request) -> JsonAnswer:
        return JsonAnswer(_data_model(call_of(request), await sent_object(request)))

    @router.get("", summary="Lists no data models")
    async def list_none() -> JsonAnswer:
        return JsonAnswer({"data": [], "paging": {"total": 0}})

    @router.delete("/deleteStale", summary="Deletes no data models")
    async def delete_stale(request: Request) -> JsonAnswer:
        check_stale(call_of(request), await sent_object(request))
        return JsonAnswer(bulk_answer([], []))

    @router.get("/name/{fqn:path}", summary="Finds no data model")
    async def get() -> JsonAnswer:
        raise absent("data model")

    return router


def _data_model(call: HttpCall, body: dict[str, Any]) -> dict[str, Any]:
    """Drops a data model, and returns what is answered of it."""
    check_shape(body, _DATA_MODEL)
    call.drop(["dataModel"])
    fqn = f"{names.segment_meant(body['service'])}.model.{names.quote(body['name'])}"
    return {
        "id": _id_of(fqn),
        "name": body["name"],
        "fullyQualifiedName": fqn,
        "dataModelType": body["dataModelType"],
        "columns": [],
    }


def _usage() -> APIRouter:
    router = _router("usage", "usage (not kept)")

    @router.post("/compute.percentile/{type}/{date}", summary="Computes nothing")
    async def compute() -> Response:
        return Response(status_code=201)

    @router.put("/{type}/{id}", summary="Takes how often something was used, and drops it")
    async def put(request: Request, type: str, id: str) -> JsonAnswer:
        check_shape(await sent_object(request), _USAGE)
        call_of(request).drop(["usage"])
        return JsonAnswer({"id": id, "type": type}, 201)

    return router


def _pipelines() -> APIRouter:
    router = _router("services/ingestionPipelines", "ingestion pipelines (not kept)")

    @router.get("/name/{fqn:path}", summary="Finds no pipeline")
    async def get() -> JsonAnswer:
        raise absent("ingestion pipeline")

    @router.put("", summary="Takes a pipeline, and drops it")
    async def put(request: Request) -> JsonAnswer:
        return JsonAnswer(_pipeline(call_of(request), await sent_object(request)))

    for name, path in (
        ("pipelineStatus", "/{fqn:path}/pipelineStatus"),
        ("pipelineStatus", "/{fqn:path}/pipelineStatus/{run}"),
        ("progress", "/progress/{fqn:path}/{run}"),
    ):
        router.put(path, summary="Takes the state of a run, and drops it")(_dropping(name))
        router.get(path, summary="Returns nothing")(_nothing)
    for path in ("/logs/{fqn:path}/{run}/close", "/logs/{fqn:path}/{run}"):
        router.post(path, summary="Takes the log of a run, and drops it")(_dropping("logs"))
    return router


def _pipeline(call: HttpCall, body: dict[str, Any]) -> dict[str, Any]:
    """Drops a pipeline, and returns what is answered of it: not its configuration, which may hold passwords."""
    check_shape(body, _PIPELINE)
    call.drop(["ingestionPipeline"])
    fqn, service = names.quote(body["name"]), name_in(body["service"])
    if isinstance(service, str):
        fqn = f"{names.segment_meant(service)}.{fqn}"
    return {
        "id": _id_of(fqn),
        "name": body["name"],
        "fullyQualifiedName": fqn,
        "pipelineType": body["pipelineType"],
        "sourceConfig": {},
        "airflowConfig": {},
    }


def _dropping(name: str) -> Callable[[Request], Awaitable[Response]]:
    """Returns a route that takes an object, or nothing, and drops it."""

    async def drop(request: Request) -> Response:
        if await request.body():
            await sent_object(request)
        call_of(request).drop([name])
        return Response()

    return drop


async def _nothing() -> Response:
    return Response()


def _definitions() -> APIRouter:
    router = _router("services/testConnectionDefinitions", "connection tests (none)")

    @router.get("/name/{fqn:path}", summary="Returns a test of connections that has no steps")
    async def get(fqn: str) -> JsonAnswer:
        if not fqn.endswith(_DEFINITION):
            raise absent("test of connections")
        return JsonAnswer({"name": fqn.removesuffix(_DEFINITION), "steps": []})

    return router


def absent(what: str) -> CatalogError:
    """Returns the error for what the catalog does not keep."""
    return CatalogError(Reason.NOT_FOUND, f"the catalog keeps no such {what}")


def _id_of(fqn: str) -> str:
    return str(uuid5(NAMESPACE_URL, fqn))
