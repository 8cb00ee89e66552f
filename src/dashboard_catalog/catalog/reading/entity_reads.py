"""Reading single entities. What a caller may not view is refused before it is looked for."""

from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog import authorization
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS, EntityKind
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.tables import EntityRecord


class EntityReader:
    """Reads assets and entities for callers."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def entity(
        self, connection: ReadConnection, principal: Principal, kind: EntityKind, key: str | UUID
    ) -> EntityRecord:
        """Returns an entity, by its fully qualified name or id, deleted or not.

        Raises:
            CatalogError: PERMISSION_DENIED or NOT_FOUND.
        """
        record = await find_entity(connection, kind, key)
        self._authorizer.check(principal, Action.VIEW, authorization.entity(kind, record, key))
        if record is None:
            raise not_found(kind.name, str(key))
        return record


async def find_entity(connection: ReadConnection, kind: EntityKind, key: str | UUID) -> EntityRecord | None:
    """Returns the entity of a kind by fully qualified name or id."""
    by = entities.by_ids(connection, [key]) if isinstance(key, UUID) else entities.by_fqns(connection, [key])
    return next((record for record in await by if record.kind == kind.name), None)


async def find_service(connection: ReadConnection, name: str) -> EntityRecord | None:
    """Returns the BI service of a raw name."""
    return await find_entity(connection, ENTITY_KINDS["bi_service"], names.quote(name))
