"""Entities by what people call them: an email address, a name or a display name."""

from dataclasses import dataclass

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.authorization import check_views_any
from dashboard_catalog.catalog.model.kinds import EntityKind
from dashboard_catalog.catalog.reading.views import EntityView, entity_views
from dashboard_catalog.store import entities, entity_lists
from dashboard_catalog.store.connections import ReadConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What a caller looks for: entities that are not deleted, by one of email address and name.

    Attributes:
        kind: Their kind, which is not that of BI services.
        principal: The caller.
        email: Their email address.
        name: Their name or display name.
        bots: Whether bots are wanted too.
        start: How many of them to leave out.
        size: Maximum number of them.
    """

    kind: EntityKind
    principal: Principal
    email: str | None = None
    name: str | None = None
    bots: bool = True
    start: int
    size: int


async def find_called(
    connection: ReadConnection, authorizer: Authorizer, called: Called
) -> tuple[list[EntityView], int]:
    """Returns the entities in the order of their names, and the number of all.

    Raises:
        CatalogError: PERMISSION_DENIED.
    """
    check_views_any(authorizer, called.principal, called.kind)
    if called.email is not None:
        found = await entity_lists.ids_by_email(connection, called.kind.name, called.email)
    else:
        found = await entity_lists.ids_by_any_name(connection, called.kind.name, called.name or "")
    records = [
        record
        for record in await entities.by_ids(connection, found)
        if called.bots or not record.attributes.get("is_bot")
    ]
    records.sort(key=lambda record: record.fqn)
    shown = [record.id for record in records[called.start : called.start + called.size]]
    whole = await entities.whole_by_ids(connection, shown)
    return await entity_views(connection, sorted(whole, key=lambda record: record.fqn)), len(records)
