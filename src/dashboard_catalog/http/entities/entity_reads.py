"""Reads of entities: one of them, or a page."""

from dataclasses import replace
from typing import Annotated

from fastapi import Query, Request, Response

from dashboard_catalog.calls.answer_room import CallRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.catalog.reading.views import EntityView
from dashboard_catalog.contract.entity_requests import entity_key, entity_listing
from dashboard_catalog.contract.kinds import kind_number
from dashboard_catalog.contract.pages import fill_page
from dashboard_catalog.contract.shown import shown
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.http.dialect.answers import JsonAnswer, list_answer
from dashboard_catalog.http.dialect.lookups import find_by_name
from dashboard_catalog.http.dialect.parameters import DELETED, After, Fields, Include
from dashboard_catalog.http.dialect.requests import checked
from dashboard_catalog.http.edge.calls import call_of
from dashboard_catalog.http.entities.entity_answers import EntityAnswers
from dashboard_catalog.http.entities.entity_resources import EntityResource
from dashboardcatalog.v1 import catalog_service_pb2

PageLimit = Annotated[int | None, Query(ge=0, le=1_000_000, description="Results on a page, and 0 for none.")]
Parent = Annotated[str, Query(description="Fully qualified name that begins those of the results.")]


class EntityReads:
    """The routes that read one resource. Everything is answered, whatever `fields` says.

    Args:
        resource: The resource.
        catalog: What is behind the door.
        answers: Makes the answers.
    """

    def __init__(self, resource: EntityResource, catalog: Catalog, answers: EntityAnswers) -> None:
        self._resource = resource
        self._kind = resource.kind
        self._catalog = catalog
        self._answers = answers

    async def get(self, request: Request, id: str, include: Include = "non-deleted") -> Response:
        """Serves GET by id."""
        return await self.answer(request, {"id": id}, include, self._answers.room_of(request))

    async def get_by_name(self, request: Request, fqn: str, include: Include = "non-deleted") -> Response:
        """Serves GET by fully qualified name."""
        return await self.named(request, fqn, include, self._answers.room_of(request))

    async def get_caller(self, request: Request) -> Response:
        """Serves GET of the entity whose name is the subject of the caller's token."""
        key = {"fully_qualified_name": names.quote(call_of(request).caller.principal.subject)}
        return await self.answer(request, key, "non-deleted", self._answers.room_of(request))

    async def named(self, request: Request, fqn: str, include: str, room: CallRoom) -> JsonAnswer:
        """Returns the answer to GET by fully qualified name."""

        async def find(name: str, deleted: str) -> JsonAnswer:
            return await self.answer(request, key_of_name(self._resource, name), deleted, room)

        return await find_by_name(fqn, include, find)

    async def answer(self, request: Request, key: dict[str, str], include: str, room: CallRoom) -> JsonAnswer:
        """Returns the answer to GET."""

        async def build() -> JsonAnswer:
            return self._answers.one(request, await self.view(request, key, include, room))

        return await room.hold(build)

    async def view(self, request: Request, key: dict[str, str], include: str, room: CallRoom) -> EntityView:
        """Returns an entity.

        Raises:
            CatalogError: NOT_FOUND also for one that `include` does not ask for.
        """
        sent = checked(catalog_service_pb2.GetEntityRequest(kind=kind_number(self._kind.name), **key))
        wanted = entity_key(sent)
        view = await self._catalog.get_entity(call_of(request).caller.principal, self._kind, wanted, room)
        if include == ("non-deleted" if view.record.deleted else "deleted"):
            raise not_found(self._kind.name, str(wanted))
        return view

    async def list(
        self,
        request: Request,
        *,
        limit: PageLimit = None,
        after: After = "",
        before: str = "",
        parent: Parent = "",
        include: Include = "non-deleted",
        fields: Fields = "",
    ) -> Response:
        """Serves GET of a page. Pages go forward only."""
        if before:
            raise invalid([Violation("before", ViolationReason.INVALID_VALUE, "must be absent: pages go forward only")])
        size = self._resource.limit if limit is None else limit
        sent = catalog_service_pb2.ListEntitiesRequest(
            kind=kind_number(self._kind.name), page_size=size or 1, page_token=after, deleted=DELETED[include]
        )
        listing = entity_listing(checked(sent), call_of(request).caller)
        listing = replace(listing, below=_below(parent), include_total=True)
        room = self._answers.room_of(request)

        async def build() -> JsonAnswer:
            async with self._catalog.list_entities(listing, room) as page:
                found, token = await fill_page(page, shown, listing.token_after)
            data = (self._answers.item(request, one.view) for one in (found if size else ()))
            paging = {"total": page.total} | ({"after": token} if token and size else {})
            return await list_answer("data", data, {"paging": paging})

        return await room.hold(build)


def key_of_name(resource: EntityResource, sent: str) -> dict[str, str]:
    """Returns the key of an entity that a path names. Clients do not quote names that nothing stands before."""
    return {"fully_qualified_name": names.segment_meant(sent) if resource.kind.qualifier is None else sent}


def _below(parent: str) -> str:
    try:
        return names.requoted(parent) if parent else ""
    except names.NameSyntaxError as error:
        raise invalid([Violation("parent", ViolationReason.INVALID_FORMAT, str(error))]) from None
