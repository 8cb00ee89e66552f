"""Reads single entities."""

from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog import authorization
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS, EntityKind
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.catalog.reading.views import EntityView, entity_views
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import EntityRecord


async def read_entity(
    connection: ReadConnection, authorizer: Authorizer, principal: Principal, kind: EntityKind, key: str | UUID
) -> EntityView:
    """Returns an entity, deleted or not.

    Args:
        key: Fully qualified name or id.

    Raises:
        CatalogError: PERMISSION_DENIED, whether or not the entity exists, or NOT_FOUND.
    """
    record = await find_entity(connection, kind, key)
    authorizer.check(principal, Action.VIEW, authorization.entity(kind, record, key))
    if record is None:
        raise not_found(kind.name, str(key))
    return (await entity_views(connection, [record]))[0]


async def find_entity(connection: ReadConnection, kind: EntityKind, key: str | UUID) -> EntityRecord | None:
    """Returns the entity of a kind with this fully qualified name or id, deleted or not."""
    found = entities.by_ids(connection, [key]) if isinstance(key, UUID) else entities.by_fqns(connection, [key])
    return next((record for record in await found if record.kind == kind.name), None)


async def find_service(connection: ReadConnection, name: str) -> EntityRecord | None:
    """Returns the BI service of a raw name, deleted or not."""
    return await find_entity(connection, ENTITY_KINDS["bi_service"], names.quote(name))
