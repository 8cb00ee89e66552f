"""OpenMetadata's routes of types, which hold the custom properties of dashboards and charts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from google.protobuf.json_format import MessageToDict

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.catalog.reading.page_sizes import MAX_PAGE_SIZE
from dashboard_catalog.contract.entity_requests import entity_listing, entity_upsert
from dashboard_catalog.contract.kinds import kind_number
from dashboard_catalog.contract.pages import fill_page
from dashboard_catalog.contract.shown import shown
from dashboard_catalog.http.application import CatalogRoute, ListRoute
from dashboard_catalog.http.dialect.answers import JsonAnswer, href_of
from dashboard_catalog.http.dialect.parameters import Fields, wanted
from dashboard_catalog.http.dialect.requests import checked, entity_in, sent_object
from dashboard_catalog.http.edge.calls import call_of
from dashboard_catalog.http.properties.property_types import (
    TYPES,
    TYPES_BY_ID,
    MetadataType,
    property_answer,
    property_body,
)
from dashboardcatalog.v1 import catalog_service_pb2

_ROOT = "/api/v1/metadata/types"
_PROPERTIES = "customProperties"
_KIND = "custom_property"

Category = Annotated[str, Query(description="`entity` or `field`; both if it is absent.")]
AllTypes = Annotated[int, Query(ge=len(TYPES), description="Results on a page, which has all types.")]


class TypeRoutes:
    """The routes of types.

    Args:
        catalog: What is behind the door.
        room: Where answers are built.
    """

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._catalog = catalog
        self._room = room

    def router(self) -> APIRouter:
        """Returns them."""
        router = APIRouter(prefix=_ROOT, tags=["types"], route_class=CatalogRoute)
        router.add_api_route("", self.list, summary="Lists the types", route_class_override=ListRoute)
        router.get("/name/{name}", summary="Returns a type by name")(self.get_by_name)
        router.get("/{id}", summary="Returns a type")(self.get)
        router.put("/{id}", summary="Adds a custom property to a type, or updates it")(self.put)
        return router

    async def list(
        self,
        request: Request,
        category: Category = "",
        fields: Fields = "",
        limit: AllTypes = 1_000,
    ) -> Response:
        """Serves GET of all types."""
        found = [type_ for type_ in TYPES.values() if category in ("", type_.category)]
        return await self._answer(
            request, found, fields, lambda answers: {"data": answers, "paging": {"total": len(answers)}}
        )

    async def get_by_name(self, request: Request, name: str, fields: Fields = "") -> Response:
        """Serves GET by name. The category does not matter: clients ask for entities among the fields."""
        return await self._one(request, _found(TYPES, name), fields)

    async def get(self, request: Request, id: str, fields: Fields = "") -> Response:
        """Serves GET by id."""
        return await self._one(request, _found(TYPES_BY_ID, id), fields)

    async def put(self, request: Request, id: str) -> Response:
        """Serves PUT of a custom property."""
        type_, call = _found(TYPES_BY_ID, id), call_of(request)
        body = property_body(type_, await sent_object(request))
        sent = catalog_service_pb2.UpsertEntityRequest(entity=entity_in(call, _KIND, body))
        await self._catalog.write_entity(entity_upsert(checked(sent), call.caller))
        return await self._one(request, type_, _PROPERTIES)

    async def _one(self, request: Request, type_: MetadataType, fields: str) -> Response:
        return await self._answer(request, [type_], fields, lambda answers: answers[0])

    async def _answer(self, request: Request, types: Iterable[MetadataType], fields: str, shape: Any) -> JsonAnswer:
        only = wanted(fields, frozenset({_PROPERTIES}))

        async def build() -> JsonAnswer:
            answers = []
            for type_ in types:
                answers.append(type_.answer() | {"href": href_of(request, _ROOT, type_.id)})
                if _PROPERTIES in only and type_.category == "entity":
                    answers[-1][_PROPERTIES] = await self._properties(request, type_)
            return JsonAnswer(shape(answers))

        return await self._room.of(call_of(request)).hold(build)

    async def _properties(self, request: Request, type_: MetadataType) -> Sequence[dict[str, Any]]:
        """Returns the custom properties of a type, all of them."""
        call = call_of(request)
        sent = catalog_service_pb2.ListEntitiesRequest(kind=kind_number(_KIND), page_size=MAX_PAGE_SIZE)
        listing = replace(entity_listing(sent, call.caller), below=type_.name)
        found = []
        while True:
            async with self._catalog.list_entities(listing, self._room.of(call)) as page:
                properties, token = await fill_page(page, shown, listing.token_after)
            found += [property_answer(MessageToDict(one.message.custom_property)) for one in properties]
            if not token:
                return found
            listing = replace(listing, page_token=token)


def _found(types: Mapping[str, MetadataType], key: str) -> MetadataType:
    if (type_ := types.get(key)) is None:
        raise not_found("type", key)
    return type_
