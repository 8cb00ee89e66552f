"""Reads single entities."""

from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog.authorization import accessible_entity
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import EntityKind
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.partial_rows import Partial
from dashboard_catalog.store.records import EntityRecord


async def visible_entity(
    connection: ReadConnection, authorizer: Authorizer, principal: Principal, kind: EntityKind, key: str | UUID
) -> Partial[EntityRecord]:
    """Returns an entity, deleted or not, without large values.

    Args:
        key: Fully qualified name or id.

    Raises:
        CatalogError: PERMISSION_DENIED, whether or not the entity exists, or NOT_FOUND.
    """
    found = await entities.partial_by_key(connection, key)
    row = next((each for each in found if each.record.kind == kind.name), None)
    accessible_entity(authorizer, principal, Action.VIEW, kind, record=row.record if row else None, key=key)
    if row is None:
        raise not_found(kind.name, str(key))
    return row


async def whole_entity(connection: ReadConnection, kind: EntityKind, key: str | UUID) -> EntityRecord | None:
    """Returns the entity of a kind with this fully qualified name or id, deleted or not, with all its values."""
    if isinstance(key, UUID):
        found = await entities.whole_by_ids(connection, [key])
    else:
        found = await entities.whole_by_fqns(connection, [key])
    return next((record for record in found if record.kind == kind.name), None)


async def find_service(connection: ReadConnection, name: str) -> EntityRecord | None:
    """Returns the BI service of a raw name, deleted or not, without its description."""
    found = await entities.by_fqns(connection, [names.quote(name)])
    return next((record for record in found if record.kind == "bi_service"), None)
