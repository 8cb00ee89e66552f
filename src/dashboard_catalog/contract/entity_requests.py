"""From the requests about entities, and from an entity in a bulk stream, to what the catalog is asked for."""

from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import EntityWrite, Writer
from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS
from dashboard_catalog.catalog.reading.entity_lists import EntityListing
from dashboard_catalog.catalog.reading.page_sizes import page_size_of
from dashboard_catalog.catalog.writing.entity_writes import checked_entity
from dashboard_catalog.contract import masks, wire
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.kinds import WRITTEN, entity_kind
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, Violations, invalid
from dashboardcatalog.v1 import catalog_service_pb2, entity_pb2


def entity_upsert(request: catalog_service_pb2.UpsertEntityRequest, caller: Caller) -> EntityWrite:
    """Reads UpsertEntity.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with the shape of the request.
    """
    violations = Violations()
    message = WRITTEN[str(request.entity.WhichOneof("entity"))]
    found = violations.gather(lambda: masks.written_fields(request.update_mask, [message]))
    mask = found[0] if found else frozenset()
    write = violations.gather(lambda: entity_write(request.entity, caller.writer, mask))
    if write is None or violations:
        raise invalid(violations)
    return write


def entity_write(entity: entity_pb2.Entity, writer: Writer, mask: frozenset[str]) -> EntityWrite:
    """Returns the write that an entity asks for.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with the shape of the entity.
    """
    kind = ENTITY_KINDS[str(entity.WhichOneof("entity"))]
    message = getattr(entity, kind.name)
    values = wire.entity_values(message)
    violations = checked_entity(kind, message.name, values)[1]
    if violations:
        raise invalid([violation.under(f"entity.{kind.name}") for violation in violations])
    return EntityWrite(kind=kind, writer=writer, name=message.name, values=values, mask=mask)


def entity_listing(request: catalog_service_pb2.ListEntitiesRequest, caller: Caller) -> EntityListing:
    """Reads ListEntities."""
    return EntityListing(
        kind=entity_kind(request.kind),
        principal=caller.principal,
        name_prefix=request.name_prefix,
        deleted=wire.DELETED[request.deleted],
        page_size=page_size_of(request.page_size),
        page_token=request.page_token,
    )


def entity_key(request: Any) -> str | UUID:
    """Returns the entity that a request names: its id, or its fully qualified name.

    Raises:
        CatalogError: INVALID_ARGUMENT if the name does not parse.
    """
    if request.WhichOneof("key") == "id":
        return UUID(request.id)
    try:
        return names.requoted(request.fully_qualified_name)
    except names.NameSyntaxError as error:
        violation = Violation("fully_qualified_name", ViolationReason.INVALID_FORMAT, str(error))
        raise invalid([violation]) from None
