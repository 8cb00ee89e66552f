"""Deletion of one entity.

A soft-deleted entity stays visible where it is referred to, and is refused for new references. Only an entity that
nothing refers to can be deleted for good.
"""

from datetime import UTC, datetime
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model.commands import Writer
from dashboard_catalog.catalog.model.etag import check_etag
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, EntityKind
from dashboard_catalog.catalog.model.moments import time_of_change
from dashboard_catalog.catalog.model.refusals import not_found, still_referenced
from dashboard_catalog.catalog.reading.entity_reads import entity_to_write
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.catalog.writing.entity_changes import change_of, removal_of
from dashboard_catalog.store import entities, locks
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.records import CATALOG_ID, EntityRecord
from dashboard_catalog.store.referrers import referrers_of, with_property

_COLUMN_OF = {
    "bi_service": "service_id",
    "user": "owners",
    "team": "owners",
    "domain": "domain",
    "tag": "tags",
}
"""The column of assets that refers to each kind. An extension refers to custom properties by key."""

# Of each kind; the rest is counted.
_NAMED = 5


async def delete_entity(
    connection: WriteConnection,
    authorizer: Authorizer,
    writer: Writer,
    kind: EntityKind,
    key: str | UUID,
    *,
    hard: bool,
    etag: str = "",
) -> EntityRecord:
    """Deletes an entity in the transaction of `connection` and returns it as deleted.

    Raises:
        CatalogError: PERMISSION_DENIED, NOT_FOUND, ABORTED for another etag, or FAILED_PRECONDITION while it is
            referred to.
    """
    await locks.lock_catalog(connection, to_write=True)
    action = Action.HARD_DELETE if hard else Action.WRITE
    record = await entity_to_write(connection, authorizer, writer.principal, action, kind=kind, key=key)
    if record.deleted and not hard:
        raise not_found(kind.name, str(key))
    check_etag(etag, record)
    if hard:
        referrers, count = await _referrers(connection, authorizer, writer.principal, record)
        if count:
            raise still_referenced(kind.name, record.fqn, referrers, count)
    number = await locks.lock_service(connection, CATALOG_ID) + 1
    at = time_of_change(datetime.now(UTC), record.updated_at)
    if hard:
        await entities.remove(connection, removal_of(record, number, at, writer))
        return record
    record.deleted, record.change_number, record.updated_at = True, number, at
    record.updated_by, record.call_id = writer.principal.subject, writer.call_id
    await entities.save(connection, [], [record], [change_of(record, "deleted", writer)])
    return record


async def _referrers(
    connection: ReadConnection, authorizer: Authorizer, principal: Principal, record: EntityRecord
) -> tuple[list[str], int]:
    """Returns kind and name of some of the things that refer to an entity, and the number of all of them.

    Those that the caller may not view are not named.
    """
    children = await entities.children(connection, record.id, _NAMED)
    found = [f"{kind} {fqn}" for kind, fqn, _ in children]
    if record.kind == "custom_property":
        kind = str(record.attributes["applies_to"])
        rows = await with_property(connection, kind, record.name, _NAMED)
    elif column := _COLUMN_OF.get(record.kind):
        rows = await referrers_of(connection, column, [record.id], _NAMED)
    else:
        rows = []
    count = (children[0][2] if children else 0) + sum({row.kind: row.of_kind for row in rows}.values())
    sight = Sight(authorizer, KnownEntities())
    await sight.known.load_by_id(connection, {row.service_id for row in rows})
    shown = [row for row in rows if sight.shows(principal, ASSET_KINDS[row.kind], sight.known.get(row.service_id))]
    return found + [f"{row.kind} {sight.known.fqn_of(row)}" for row in shown], count
