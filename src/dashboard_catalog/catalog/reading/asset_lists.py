"""Lists of assets, page by page.

Filters become conditions on ids before a page is read. What the caller may not view is left out by such a condition
too, so pages are full and totals are right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.authorization import check_views_any, viewable_services
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.filters import AssetFilters, FilterLookup
from dashboard_catalog.catalog.reading.page_sizes import DEFAULT_PAGE_SIZE
from dashboard_catalog.catalog.reading.pages import FoundRows, fetch_rows
from dashboard_catalog.catalog.reading.views import AssetView, asset_views
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.store import entities, list_pages
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.list_order import ListOrder, Position
from dashboard_catalog.store.partial_rows import Partial
from dashboard_catalog.store.records import AssetRecord

_ORDERS: Mapping[str, ListOrder] = {
    "name": ListOrder(),
    "name desc": ListOrder(descending=True),
    "updated_at": ListOrder(by_time=True),
    "updated_at desc": ListOrder(by_time=True, descending=True),
}


def order_of(text: str) -> str:
    """Returns an order as a caller names it in the one spelling that `AssetFilters.order_by` takes."""
    return " ".join(text.replace("updatedAt", "updated_at").split()).removesuffix(" asc") or "name"


@dataclass(frozen=True, slots=True)
class AssetListing:
    """The page of assets that a caller asks for.

    Attributes:
        page_size: Maximum number of assets.
        page_token: Where the page begins; empty for the first page.
        include_total: Whether to count all assets that match.
        unwanted: Columns that the caller does not want, of those that may be large.
    """

    kind: AssetKind
    principal: Principal
    filters: AssetFilters
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""
    include_total: bool = False
    unwanted: frozenset[str] = frozenset()

    @property
    def with_charts(self) -> bool:
        """Whether the caller sees the names of charts: of those that a dashboard holds, or of those that changed."""
        return not {"charts", "change"} <= self.unwanted

    def token_after(self, record: AssetRecord) -> str:
        """Returns the token of the page that begins after an asset."""
        if _ORDERS[self.filters.order_by].by_time:
            position = [record.updated_at.isoformat(), record.id.hex]
        else:
            position = [record.name, record.service_id.hex]
        return page_tokens.encode((self.kind.name, self.filters), position)

    def position(self) -> Position | None:
        """Returns where the previous page ended; None for the first page.

        Raises:
            CatalogError: INVALID_ARGUMENT with everything that is wrong with filters, order and page token.
        """
        violations = self.filters.violations()
        order = _ORDERS.get(self.filters.order_by)
        if order is None:
            text = f"must be one of {', '.join(_ORDERS)}"
            violations.append(Violation("order_by", ViolationReason.INVALID_VALUE, text))
        read = _time_position if order and order.by_time else _name_position
        position = page_tokens.decode((self.kind.name, self.filters), self.page_token, read, violations)
        if violations:
            raise invalid(violations)
        return position


def _name_position(parts: Sequence[str]) -> Position:
    name, service_id = parts
    return name, UUID(hex=service_id)


def _time_position(parts: Sequence[str]) -> Position:
    text, id_ = parts
    time = datetime.fromisoformat(text)
    # Another offset could put the time before the first year or after the last.
    if time.tzinfo != UTC:
        raise ValueError(text)
    return time, UUID(hex=id_)


async def find_assets(
    connection: ReadConnection, authorizer: Authorizer, listing: AssetListing
) -> FoundRows[AssetRecord, AssetView]:
    """Finds a page of the assets that the caller may view.

    Raises:
        CatalogError: PERMISSION_DENIED if the caller may view no assets at all, INVALID_ARGUMENT for a filter that does
            not parse or a wrong page token.
    """
    after = listing.position()
    services = await _services(connection, authorizer, listing)
    lookup = FilterLookup(connection, partial(viewable_services, authorizer, listing.principal))
    filters = None if services == [] else await lookup.resolve(listing.filters, services)
    read, unwanted = partial(_read_views, authorizer=authorizer, listing=listing), listing.unwanted
    if filters is None:
        return FoundRows([], more=False, total=0 if listing.include_total else None, read=read)
    table, order = listing.kind.table, _ORDERS[listing.filters.order_by]

    async def fetch(last: AssetRecord | None, limit: int) -> list[Partial[AssetRecord]]:
        position = order.position(last) if last else after
        page = list_pages.page
        return await page(connection, table, filters, order=order, after=position, limit=limit, without=unwanted)

    rows, more = await fetch_rows(listing.page_size, fetch)
    total = await list_pages.total(connection, table, filters) if listing.include_total else None
    return FoundRows(rows, more=more, total=total, read=read)


async def _read_views(
    connection: ReadConnection, rows: Sequence[Partial[AssetRecord]], *, authorizer: Authorizer, listing: AssetListing
) -> list[tuple[AssetRecord, AssetView]]:
    """Returns the views of rows that are still there, with their large values."""
    missing = [row.record for row in rows if row.missing]
    whole = await listing.kind.table.whole(connection, missing, listing.unwanted) if missing else []
    by_id = {row.record.id: row.record for row in rows if not row.missing} | {record.id: record for record in whole}
    there = [row.record for row in rows if row.record.id in by_id]
    records = [by_id[record.id] for record in there]
    if listing.kind.holds_charts and "charts" in listing.unwanted:
        for record in records:
            record.charts = []
    viewers = [listing.principal] * len(records)
    sight = Sight(authorizer, KnownEntities())
    views = await asset_views(connection, listing.kind, records, viewers, sight, with_charts=listing.with_charts)
    # A row says where the page ends, also if its asset has changed since.
    return list(zip(there, views, strict=True))


async def _services(connection: ReadConnection, authorizer: Authorizer, listing: AssetListing) -> list[UUID] | None:
    """Returns the ids of the BI services that a list is about, or None for all that exist."""
    filters = listing.filters
    name = names.split(filters.service)[0] if filters.service else ""
    known = await entities.of_kind(connection, "bi_service")
    viewable = viewable_services(authorizer, listing.principal, listing.kind, known)
    if not viewable:
        check_views_any(authorizer, listing.principal, listing.kind, filters.service)
    wanted = [
        service
        for service in viewable
        if (not name or service.name == name)
        and (not filters.service_type or service.attributes["service_type"] == filters.service_type)
    ]
    return [service.id for service in wanted] if len(wanted) < len(known) else None
