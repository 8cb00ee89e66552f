"""Lists of assets, page by page.

Every filter becomes a condition on ids before the page is read; what the caller may not view is left out by a condition
too, so that pages are full and totals are true.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.authorization import check_views_any, viewable_services
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.asset_reads import DELETED
from dashboard_catalog.catalog.reading.filters import ORDERS, AssetFilters, FilterIds
from dashboard_catalog.catalog.reading.page_sizes import DEFAULT_PAGE_SIZE
from dashboard_catalog.catalog.reading.views import AssetView, views
from dashboard_catalog.errors import invalid
from dashboard_catalog.store import entities
from dashboard_catalog.store import list_pages as lists
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.list_filters import ListFilters
from dashboard_catalog.store.list_pages import ListOrder, Position
from dashboard_catalog.store.tables import AssetRecord, EntityRecord


@dataclass(frozen=True, slots=True)
class AssetListing:
    """One page that a caller asks for."""

    kind: AssetKind
    principal: Principal
    filters: AssetFilters
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""
    include_total: bool = False
    with_charts: bool = True

    def token_after(self, record: AssetRecord) -> str:
        """Returns the token of the page that begins after an asset."""
        if ORDERS[self.filters.order_by].by_time:
            position = [record.updated_at.isoformat(), record.id.hex]
        else:
            position = [record.name, record.service_id.hex]
        return page_tokens.encode((self.kind.name, self.filters), position)

    def position(self) -> Position | None:
        """Returns where the page before ended.

        Raises:
            CatalogError: INVALID_ARGUMENT with everything that is wrong with filters, order and page token.
        """
        violations = self.filters.violations()
        read = _by_time if ORDERS.get(self.filters.order_by, ListOrder()).by_time else _by_name
        listing = (self.kind.name, self.filters)
        position = page_tokens.decode(listing, self.page_token, read, violations)
        if violations:
            raise invalid(violations)
        return position


def _by_name(parts: Sequence[str]) -> Position:
    name, service_id = parts
    return name, UUID(hex=service_id)


def _by_time(parts: Sequence[str]) -> Position:
    text, id_ = parts
    time = datetime.fromisoformat(text)
    # An offset could put it before the first year, or after the last.
    if time.tzinfo != UTC:
        raise ValueError(text)
    return time, UUID(hex=id_)


@dataclass(frozen=True, slots=True)
class AssetPage:
    """A page; `more` says whether anything follows it."""

    assets: list[AssetView]
    more: bool
    total: int | None


class AssetLister:
    """Lists assets and entities for callers."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def assets(self, connection: ReadConnection, listing: AssetListing) -> AssetPage:
        """Returns a page of assets that the caller may view.

        Raises:
            CatalogError: PERMISSION_DENIED if the caller may view nothing at all, INVALID_ARGUMENT for a filter that
                does not parse or a wrong page token.
        """
        after = listing.position()
        filters = await self._filters(connection, listing)
        if filters is None:
            return AssetPage([], more=False, total=0 if listing.include_total else None)
        table, order = listing.kind.table, ORDERS[listing.filters.order_by]
        records = await lists.page(connection, table, filters, order=order, after=after, limit=listing.page_size + 1)
        total = await lists.total(connection, table, filters) if listing.include_total else None
        page = records[: listing.page_size]
        shown = await views(connection, listing.kind, page, with_charts=listing.with_charts)
        return AssetPage(shown, more=len(records) > listing.page_size, total=total)

    async def _filters(self, connection: ReadConnection, listing: AssetListing) -> ListFilters | None:
        """Returns the filters of a listing by ids, or None if nothing can match them."""
        sent = listing.filters
        services = await self._services(connection, listing)
        ids = FilterIds(connection, lambda kind, service: self._views(listing.principal, kind, service))
        owners, tags = await ids.owner(sent.owner), await ids.with_below("tag", sent.tag)
        domains = await ids.with_below("domain", sent.domain)
        charts, of_dashboard = await ids.chart(sent.chart), await ids.charts_of(sent.dashboard)
        if any(wanted == [] for wanted in (services, owners, tags, domains, charts, of_dashboard)):
            return None
        return ListFilters(
            services=services,
            owners=owners,
            tags=tags,
            charts=charts,
            ids=of_dashboard,
            domains=domains,
            project=sent.project,
            name_prefix=sent.name_prefix,
            deleted=DELETED[sent.deleted],
        )

    async def _services(self, connection: ReadConnection, listing: AssetListing) -> list[UUID] | None:
        """Returns the ids of the BI services that a listing is about, or None for all there are."""
        filters = listing.filters
        name = names.split(filters.service)[0] if filters.service else ""
        known = await entities.of_kind(connection, "bi_service")
        viewable = viewable_services(self._authorizer, listing.principal, listing.kind, known)
        if not viewable:
            check_views_any(self._authorizer, listing.principal, listing.kind, filters.service)
        wanted = [
            service
            for service in viewable
            if (not name or service.name == name)
            and (not filters.service_type or service.attributes["service_type"] == filters.service_type)
        ]
        return [service.id for service in wanted] if len(wanted) < len(known) else None

    def _views(self, principal: Principal, kind: AssetKind, service: EntityRecord) -> bool:
        return bool(viewable_services(self._authorizer, principal, kind, [service]))
