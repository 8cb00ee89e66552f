"""Lineage, which the catalog does not keep: edges are taken and dropped, and no asset has any."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.kinds import ASSET_MESSAGES
from dashboard_catalog.contract.shown import shown_asset
from dashboard_catalog.http.application import CatalogRoute
from dashboard_catalog.http.dialect.answers import JsonAnswer
from dashboard_catalog.http.dialect.lookups import find_by_name
from dashboard_catalog.http.dialect.requests import checked, sent_object
from dashboard_catalog.http.dialect.shapes import Shape, check_shape
from dashboard_catalog.http.dropped.dropped import absent
from dashboard_catalog.http.edge.calls import call_of

_EDGE: Shape = {
    "edge": dict,
    **{f"edge.{end}.{field}": str for end in ("fromEntity", "toEntity") for field in ("id", "type")},
}


class LineageRoutes:
    """The routes of lineage. There is never any."""

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._catalog = catalog
        self._room = room

    def router(self) -> APIRouter:
        """Returns them."""
        router = APIRouter(prefix="/api/v1/lineage", tags=["lineage (not kept)"], route_class=CatalogRoute)
        router.get("/getLineageEdge/{from_id}/{to_id}", summary="Finds no edge")(self.edge)
        router.put("", summary="Takes an edge, and drops it")(self.put)
        router.get("/{type}/name/{fqn:path}", summary="Returns an asset without lineage")(self.get_by_name)
        router.get("/{type}/{id}", summary="Returns an asset without lineage")(self.get)
        return router

    async def edge(self) -> JsonAnswer:
        """Serves GET of an edge."""
        raise absent("edge")

    async def put(self, request: Request) -> Response:
        """Serves PUT of an edge."""
        check_shape(await sent_object(request), _EDGE)
        call_of(request).drop(["lineage"])
        return Response()

    async def get_by_name(self, request: Request, type: str, fqn: str) -> JsonAnswer:
        """Serves GET by fully qualified name."""

        async def get(name: str, _: str) -> JsonAnswer:
            return await self._get(request, type, {"fully_qualified_name": name})

        return await find_by_name(fqn, "", get)

    async def get(self, request: Request, type: str, id: str) -> JsonAnswer:
        """Serves GET by id."""
        return await self._get(request, type, {"id": id})

    async def _get(self, request: Request, kind: str, key: Mapping[str, str]) -> JsonAnswer:
        if (messages := ASSET_MESSAGES.get(kind)) is None:
            raise absent("asset")
        call = call_of(request)
        read, _ = AssetRequests(messages).read(checked(messages.request("Get")(**key)), call.caller)
        room = self._room.of(call)

        async def build() -> JsonAnswer:
            message = shown_asset(await self._catalog.get_asset(read, room), None)
            entity = {"id": message.id, "type": kind, "name": message.name}
            entity["fullyQualifiedName"] = message.fully_qualified_name
            return JsonAnswer({"entity": entity, "nodes": [], "upstreamEdges": [], "downstreamEdges": []})

        return await room.hold(build)
