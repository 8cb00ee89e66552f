"""Writes of entities."""

from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid4

from fastapi import Request, Response
from google.protobuf.field_mask_pb2 import FieldMask

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.commands import EntityWrite, Outcome
from dashboard_catalog.catalog.model.etag import etag_of
from dashboard_catalog.contract.entity_requests import entity_key, entity_upsert
from dashboard_catalog.contract.kinds import kind_number
from dashboard_catalog.http.dialect.answers import JsonAnswer
from dashboard_catalog.http.dialect.lookups import find_by_name
from dashboard_catalog.http.dialect.parameters import HardDelete, Recursive
from dashboard_catalog.http.dialect.references import References
from dashboard_catalog.http.dialect.requests import MAX_OWNERS, checked, entity_in, expected_etag, sent_object
from dashboard_catalog.http.dialect.shapes import check_shape
from dashboard_catalog.http.edge.calls import HttpCall, call_of
from dashboard_catalog.http.entities.contents import check_empty
from dashboard_catalog.http.entities.entity_answers import EntityAnswers, references_of
from dashboard_catalog.http.entities.entity_reads import EntityReads, key_of_name
from dashboard_catalog.http.entities.entity_resources import EntityResource
from dashboardcatalog.v1 import catalog_service_pb2


class EntityWrites:
    """The routes that write one resource, except patches.

    Args:
        resource: The resource.
        catalog: What is behind the door.
        reads: Reads what is restored.
        answers: Makes the answers.
        references: Finds the parents in a body.
    """

    def __init__(
        self,
        resource: EntityResource,
        catalog: Catalog,
        *,
        reads: EntityReads,
        answers: EntityAnswers,
        references: References,
    ) -> None:
        self._resource = resource
        self._kind = resource.kind
        self._catalog = catalog
        self._reads = reads
        self._answers = answers
        self._references = references

    async def put(self, request: Request) -> Response:
        """Serves PUT. What the catalog does not keep is dropped, such as the connection of a BI service."""
        write = await self.write_of(request, await sent_object(request))
        write.etag = expected_etag(request)
        return await self.answer(request, write)

    async def post(self, request: Request) -> Response:
        """Serves POST."""
        write = await self.write_of(request, await sent_object(request))
        write.creates = True
        return await self.answer(request, write)

    async def restore(self, request: Request) -> Response:
        """Serves PUT of an id to restore."""
        key, room = {"id": str((await sent_object(request)).get("id", ""))}, self._answers.room_of(request)
        view = await self._reads.view(request, key, "all", room)
        room.leave()
        identity = {"name": view.record.name} | references_of(self._kind, view)
        write = await self.write_of(request, identity)
        write.etag = etag_of(view.record)
        return await self.answer(request, write)

    async def delete(
        self, request: Request, id: str, *, hard: HardDelete = False, recursive: Recursive = False
    ) -> Response:
        """Serves DELETE by id."""
        return await self._delete(request, {"id": id}, hard=hard, recursive=recursive)

    async def delete_by_name(
        self, request: Request, fqn: str, *, hard: HardDelete = False, recursive: Recursive = False
    ) -> Response:
        """Serves DELETE by fully qualified name."""

        async def delete(name: str, _: str) -> JsonAnswer:
            return await self._delete(request, key_of_name(self._resource, name), hard=hard, recursive=recursive)

        return await find_by_name(fqn, "", delete)

    async def delete_async(
        self, request: Request, id: str, *, hard: HardDelete = False, recursive: Recursive = False
    ) -> Response:
        """Serves DELETE as a job. It has ended when it is answered."""
        await self._delete(request, {"id": id}, hard=hard, recursive=recursive)
        return JsonAnswer({"jobId": str(uuid4()), "message": "it has been deleted"})

    async def answer(self, request: Request, write: EntityWrite) -> JsonAnswer:
        """Writes, and returns the answer."""
        outcome, view = await self._catalog.write_entity(write)
        status = 201 if outcome is Outcome.CREATED else 200

        async def build() -> JsonAnswer:
            return self._answers.one(request, view, status)

        return await self._answers.room_of(request).hold(build, patient=True)

    async def write_of(self, request: Request, body: dict[str, Any], mask: Collection[str] = ()) -> EntityWrite:
        """Returns the write that a body asks for.

        Args:
            request: The request.
            body: As OpenMetadata has it.
            mask: What to write even where the body has no value for it.

        Raises:
            CatalogError: INVALID_ARGUMENT with everything that cannot be read.
        """
        call = call_of(request)
        check_shape(body, {}, self._resource.dropped)
        entity = entity_in(call, self._kind.name, await self._with_parents(body, call))
        sent = catalog_service_pb2.UpsertEntityRequest(entity=entity, update_mask=FieldMask(paths=mask))
        return entity_upsert(checked(sent), call.caller)

    async def _with_parents(self, body: dict[str, Any], call: HttpCall) -> dict[str, Any]:
        """Returns a body with the fully qualified names of parents that it has ids of."""
        found = dict(body)
        for field, kind in self._kind.parents.items():
            sent = body.get(field)
            several = sent if isinstance(sent, list) else [sent]
            if len(several) > MAX_OWNERS:
                # The contract refuses them.
                continue
            named = await self._references.named(kind, [_reference(one) for one in several], None, field, call)
            found[field] = named if isinstance(sent, list) else named[0]
        return found

    async def _delete(self, request: Request, key: dict[str, str], *, hard: bool, recursive: bool) -> JsonAnswer:
        room = self._answers.room_of(request)
        # A hard deletion looks for itself.
        if recursive and not hard and self._resource.has_assets:
            view = await self._reads.view(request, key, "non-deleted", room)
            await check_empty(request, self._catalog, view.record.fqn, room)
            room.leave()
        sent = checked(catalog_service_pb2.GetEntityRequest(kind=kind_number(self._kind.name), **key))
        writer, etag = call_of(request).caller.writer, expected_etag(request)
        view = await self._catalog.delete_entity(writer, self._kind, entity_key(sent), hard=hard, etag=etag)

        async def build() -> JsonAnswer:
            return self._answers.one(request, view, deleted=True)

        return await room.hold(build, patient=True)


def _reference(sent: Any) -> Any:
    """Returns a parent as a reference if its id was sent: a text that may be an id and may be a name."""
    try:
        return {"id": str(UUID(sent)), "name": sent} if isinstance(sent, str) else sent
    except ValueError:
        return sent
