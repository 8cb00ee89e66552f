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
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.filters import AssetFilters, FilterLookup
from dashboard_catalog.catalog.reading.page_sizes import DEFAULT_PAGE_SIZE
from dashboard_catalog.catalog.reading.views import AssetView, asset_views
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.store import entities, list_pages
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.list_order import ListOrder, Position
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
        with_charts: Whether to read the charts that dashboards hold.
    """

    kind: AssetKind
    principal: Principal
    filters: AssetFilters
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""
    include_total: bool = False
    with_charts: bool = True

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


@dataclass(frozen=True, slots=True)
class AssetPage:
    """A page of assets.

    Attributes:
        more: Whether another page follows.
        total: Number of all assets that match, if the caller asked for it.
    """

    assets: list[AssetView]
    more: bool
    total: int | None


async def list_assets(connection: ReadConnection, authorizer: Authorizer, listing: AssetListing) -> AssetPage:
    """Returns a page of the assets that the caller may view.

    Raises:
        CatalogError: PERMISSION_DENIED if the caller may view no assets at all, INVALID_ARGUMENT for a filter that does
            not parse or a wrong page token.
    """
    after = listing.position()
    services = await _services(connection, authorizer, listing)
    lookup = FilterLookup(connection, partial(viewable_services, authorizer, listing.principal))
    filters = None if services == [] else await lookup.resolve(listing.filters, services)
    if filters is None:
        return AssetPage([], more=False, total=0 if listing.include_total else None)
    table, order = listing.kind.table, _ORDERS[listing.filters.order_by]
    records = await list_pages.page(connection, table, filters, order=order, after=after, limit=listing.page_size + 1)
    total = await list_pages.total(connection, table, filters) if listing.include_total else None
    page = records[: listing.page_size]
    shown = await asset_views(connection, listing.kind, page, with_charts=listing.with_charts)
    return AssetPage(shown, more=len(records) > listing.page_size, total=total)


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
