"""Lists of entities, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.authorization import check_views_any, viewable_services
from dashboard_catalog.catalog.model.kinds import EntityKind
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.filters import DELETED_STATES
from dashboard_catalog.catalog.reading.page_sizes import DEFAULT_PAGE_SIZE
from dashboard_catalog.catalog.reading.pages import FoundRows, fetch_rows
from dashboard_catalog.catalog.reading.views import EntityView, entity_views
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.store import entities, entity_lists
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.partial_rows import Partial
from dashboard_catalog.store.records import EntityRecord


@dataclass(frozen=True, slots=True)
class EntityListing:
    """The page of entities that a caller asks for, in the order of their fully qualified names.

    Attributes:
        name_prefix: Beginning of the raw names; empty for all.
        deleted: Which entities to list: `exclude`, `include` or `only` deleted ones.
        page_size: Maximum number of entities.
        page_token: Where the page begins; empty for the first page.
        below: Fully qualified name that begins those of the entities; empty for all.
        include_total: Whether to count the entities on all pages.
    """

    kind: EntityKind
    principal: Principal
    name_prefix: str = ""
    deleted: str = "exclude"
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""
    below: str = ""
    include_total: bool = False

    @property
    def _filters(self) -> tuple[str, ...]:
        filters = (self.kind.name, self.name_prefix, self.deleted)
        return (*filters, self.below) if self.below else filters

    def token_after(self, record: EntityRecord) -> str:
        """Returns the token of the page that begins after an entity."""
        return page_tokens.encode(self._filters, [record.fqn])

    def position(self) -> str | None:
        """Returns the fully qualified name at which the previous page ended; None for the first page.

        Raises:
            CatalogError: INVALID_ARGUMENT if the page token does not belong to this list.
        """
        violations: list[Violation] = []
        position = page_tokens.decode(self._filters, self.page_token, _fqn_position, violations)
        if violations:
            raise invalid(violations)
        return position


def _fqn_position(parts: Sequence[str]) -> str:
    (fqn,) = parts
    return fqn


async def find_entities(
    connection: ReadConnection, authorizer: Authorizer, listing: EntityListing
) -> FoundRows[EntityRecord, EntityView]:
    """Finds a page of the entities that the caller may view. BI services are decided one by one, others by kind.

    Raises:
        CatalogError: PERMISSION_DENIED, or INVALID_ARGUMENT for a wrong page token.
    """
    after = listing.position()
    only = None
    if listing.kind.name == "bi_service":
        services = await entities.of_kind(connection, "bi_service")
        viewable = viewable_services(authorizer, listing.principal, listing.kind, services)
        only = [service.id for service in viewable]
    if not only:
        check_views_any(authorizer, listing.principal, listing.kind)

    wanted = entity_lists.Wanted(
        listing.kind.name, only, DELETED_STATES[listing.deleted], name_prefix=listing.name_prefix, below=listing.below
    )

    async def fetch(last: EntityRecord | None, limit: int) -> list[Partial[EntityRecord]]:
        return await entity_lists.page(connection, wanted, after=last.fqn if last else after, limit=limit)

    rows, more = await fetch_rows(listing.page_size, fetch)
    total = await entity_lists.count(connection, wanted) if listing.include_total else None
    return FoundRows(rows, more=more, total=total, read=_read_views)


async def _read_views(
    connection: ReadConnection, rows: Sequence[Partial[EntityRecord]]
) -> list[tuple[EntityRecord, EntityView]]:
    """Returns the views of rows that are still there, with their large values."""
    whole = await entities.whole_by_ids(connection, [row.record.id for row in rows if row.missing])
    by_id = {row.record.id: row.record for row in rows if not row.missing} | {record.id: record for record in whole}
    there = [row.record for row in rows if row.record.id in by_id]
    views = await entity_views(connection, [by_id[record.id] for record in there])
    return list(zip(there, views, strict=True))
