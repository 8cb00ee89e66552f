"""The servicer of the entities that assets refer to."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import grpc.aio

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.commands import EntityWrite, Writer
from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS, EntityKind
from dashboard_catalog.catalog.reading.entity_lists import EntityListing
from dashboard_catalog.catalog.reading.page_sizes import page_size_of
from dashboard_catalog.catalog.writing.entity_writes import checked_entity
from dashboard_catalog.contract import masks, wire
from dashboard_catalog.contract.asset_requests import DELETED, writer
from dashboard_catalog.contract.pages import fill_page
from dashboard_catalog.errors import CatalogError, Reason, Violation, ViolationReason, Violations, invalid
from dashboard_catalog.rpc.edge.call import current_call
from dashboardcatalog.v1 import catalog_service_pb2 as messages
from dashboardcatalog.v1 import catalog_service_pb2_grpc, entity_pb2

Context = grpc.aio.ServicerContext[Any, Any]

_KINDS: Mapping[int, EntityKind] = {
    entity_pb2.Kind.Value(f"KIND_{name.upper()}"): kind for name, kind in ENTITY_KINDS.items()
}


class CatalogServicer(catalog_service_pb2_grpc.CatalogServiceServicer):
    """Serves `dashboardcatalog.v1.CatalogService`; the contract documents each RPC."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def UpsertEntity(
        self, request: messages.UpsertEntityRequest, context: Context
    ) -> messages.UpsertEntityResponse:
        write = read_upsert(request)
        outcome, view = await self._catalog.write_entity(write, validate_only=request.validate_only)
        return messages.UpsertEntityResponse(entity=wire.entity_message(view), outcome=wire.outcome_message(outcome))

    async def GetEntity(self, request: messages.GetEntityRequest, context: Context) -> messages.GetEntityResponse:
        view = await self._catalog.get_entity(current_call().principal, _KINDS[request.kind], _key(request))
        return messages.GetEntityResponse(entity=wire.entity_message(view))

    async def ListEntities(
        self, request: messages.ListEntitiesRequest, context: Context
    ) -> messages.ListEntitiesResponse:
        listing = EntityListing(
            kind=_KINDS[request.kind],
            principal=current_call().principal,
            name_prefix=request.name_prefix,
            deleted=DELETED[request.deleted],
            page_size=page_size_of(request.page_size),
            page_token=request.page_token,
        )
        page = await self._catalog.list_entities(listing)
        shown = ((view.record, wire.entity_message(view)) for view in page.entities)
        entities, token = fill_page(shown, listing.token_after, more=page.more)
        return messages.ListEntitiesResponse(entities=entities, next_page_token=token)

    async def DeleteEntity(
        self, request: messages.DeleteEntityRequest, context: Context
    ) -> messages.DeleteEntityResponse:
        try:
            view = await self._catalog.delete_entity(
                writer(),
                _KINDS[request.kind],
                _key(request),
                hard=request.hard,
                validate_only=request.validate_only,
            )
        except CatalogError as error:
            if request.allow_missing and error.reason is Reason.NOT_FOUND:
                return messages.DeleteEntityResponse()
            raise
        return messages.DeleteEntityResponse(entity=wire.entity_message(view))


def read_upsert(request: messages.UpsertEntityRequest) -> EntityWrite:
    """Returns the write that a request asks for.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with its shape.
    """
    violations = Violations()
    fields = _one(request.entity).DESCRIPTOR
    found = violations.gather(lambda: masks.written_fields(request.update_mask, [fields]))
    mask = found[0] if found else frozenset()
    write = violations.gather(lambda: entity_write(request.entity, writer(), mask))
    if write is None or violations:
        raise invalid(violations)
    return write


def entity_write(entity: entity_pb2.Entity, by: Writer, mask: frozenset[str] = frozenset()) -> EntityWrite:
    """Returns the write that an entity asks for.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with its shape.
    """
    kind = ENTITY_KINDS[str(entity.WhichOneof("entity"))]
    message = _one(entity)
    values = wire.entity_values(message)
    violations = checked_entity(kind, message.name, values)[1]
    if violations:
        raise invalid([violation.under(f"entity.{kind.name}") for violation in violations])
    return EntityWrite(kind=kind, writer=by, name=message.name, values=values, mask=mask)


def _one(entity: entity_pb2.Entity) -> Any:
    return getattr(entity, str(entity.WhichOneof("entity")))


def _key(request: Any) -> str | UUID:
    if request.WhichOneof("key") == "id":
        return UUID(request.id)
    try:
        return names.requoted(request.fully_qualified_name)
    except names.NameSyntaxError as error:
        violation = Violation("fully_qualified_name", ViolationReason.INVALID_FORMAT, str(error))
        raise invalid([violation]) from None
