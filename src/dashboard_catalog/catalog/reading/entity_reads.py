"""Reads single entities."""

from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog.authorization import check_entity, entity
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import EntityKind
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.errors import CatalogError
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
    if row is None:
        raise await _missing(connection, authorizer, principal, Action.VIEW, kind=kind, key=key)
    check_entity(authorizer, principal, Action.VIEW, kind, record=row.record, key=key)
    return row


async def entity_to_write(
    connection: ReadConnection,
    authorizer: Authorizer,
    principal: Principal,
    action: Action,
    *,
    kind: EntityKind,
    key: str | UUID,
) -> EntityRecord:
    """Returns an entity that the caller may do something with, deleted or not, with all its values.

    Args:
        key: Fully qualified name or id.

    Raises:
        CatalogError: PERMISSION_DENIED or NOT_FOUND.
    """
    record = await whole_entity(connection, kind, key)
    if record is None:
        raise await _missing(connection, authorizer, principal, action, kind=kind, key=key)
    check_entity(authorizer, principal, action, kind, record=record, key=key)
    return record


async def _missing(
    connection: ReadConnection,
    authorizer: Authorizer,
    principal: Principal,
    action: Action,
    *,
    kind: EntityKind,
    key: str | UUID,
) -> CatalogError:
    """Returns the error for an entity that does not exist.

    It says the name of today if the entity that had this name before may be viewed.
    """
    known = KnownEntities()
    if isinstance(key, str):
        await known.load_former(connection, [(kind.name, key)])
    renamed = known.renamed(kind.name, str(key))
    if renamed and not authorizer.allows(principal, Action.VIEW, entity(kind, renamed, renamed.fqn)):
        renamed = None
    authorizer.check(principal, action, entity(kind, renamed, key))
    return not_found(kind.name, str(key), renamed.fqn if renamed else None)


async def whole_entity(connection: ReadConnection, kind: EntityKind, key: str | UUID) -> EntityRecord | None:
    """Returns the entity of a kind with this fully qualified name or id, deleted or not, with all its values."""
    if isinstance(key, UUID):
        found = await entities.whole_by_ids(connection, [key])
    else:
        found = await entities.whole_by_fqns(connection, [key])
    return next((record for record in found if record.kind == kind.name), None)


async def find_service(connection: ReadConnection, name: str, *, or_renamed: bool = False) -> EntityRecord | None:
    """Returns the BI service of a raw name, deleted or not, without its description.

    Args:
        connection: Where to read.
        name: The name.
        or_renamed: Whether the service may have had the name before.
    """
    known = KnownEntities()
    await known.load(connection, fqns=[names.quote(name)])
    if or_renamed:
        await known.load_former(connection, [("bi_service", names.quote(name))])
    return known.any_service(name)
