"""Lists of assets and entities, page by page.

Every filter becomes a condition on ids before the page is read; what the caller may not view is left out by a condition
too, so that pages are full and totals are true.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.authorization import check_views_any, viewable_services
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, AssetKind, EntityKind
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.assets import DELETED, find_service
from dashboard_catalog.catalog.reading.views import AssetView, EntityView, entity_views, views
from dashboard_catalog.errors import Violation, ViolationReason, invalid
from dashboard_catalog.store import entities
from dashboard_catalog.store import list_pages as lists
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.list_filters import ListFilters
from dashboard_catalog.store.list_pages import ListOrder, Position
from dashboard_catalog.store.tables import AssetRecord, EntityRecord

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000

# Filters that are fully qualified names, and how many segments each has; None: any number.
_SEGMENTS = {"service": 1, "domain": None, "tag": None, "chart": 2, "dashboard": 2}
_OWNER = re.compile(r"(user|team):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AssetFilters:
    """Which assets a listing holds, and in which order; empty means all. See the contract's list requests."""

    service: str = ""
    service_type: str = ""
    owner: str = ""
    domain: str = ""
    tag: str = ""
    chart: str = ""
    dashboard: str = ""
    project: str = ""
    name_prefix: str = ""
    deleted: str = "exclude"
    order_by: str = "name"

    def violations(self) -> list[Violation]:
        """Returns what is wrong with them, whatever is stored."""
        found = []
        sent = {field: text for field in _SEGMENTS if (text := getattr(self, field))}
        for field, text in sent.items():
            try:
                names.split(text, _SEGMENTS[field])
            except names.NameSyntaxError as error:
                found.append(Violation(field, ViolationReason.INVALID_FORMAT, str(error)))
        if self.owner and not _OWNER.fullmatch(self.owner):
            hint = "must be user:NAME or team:NAME, with the raw name"
            found.append(Violation("owner", ViolationReason.INVALID_FORMAT, hint))
        if self.order_by not in _ORDERS:
            hint = f"must be one of {', '.join(_ORDERS)}"
            found.append(Violation("order_by", ViolationReason.INVALID_VALUE, hint))
        return found


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
        if _ORDERS[self.filters.order_by].by_time:
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
        read = _by_time if _ORDERS.get(self.filters.order_by, ListOrder()).by_time else _by_name
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


@dataclass(frozen=True, slots=True)
class EntityListing:
    """One page of entities that a caller asks for, ordered by fully qualified name."""

    kind: EntityKind
    principal: Principal
    name_prefix: str = ""
    deleted: str = "exclude"
    page_size: int = DEFAULT_PAGE_SIZE
    page_token: str = ""

    @property
    def _listing(self) -> tuple[str, str, str]:
        return self.kind.name, self.name_prefix, self.deleted

    def token_after(self, record: EntityRecord) -> str:
        """Returns the token of the page that begins after an entity."""
        return page_tokens.encode(self._listing, [record.fqn])

    def position(self) -> str | None:
        """Returns where the page before ended.

        Raises:
            CatalogError: INVALID_ARGUMENT if the page token is not one of this listing.
        """
        violations: list[Violation] = []
        position = page_tokens.decode(self._listing, self.page_token, _by_fqn, violations)
        if violations:
            raise invalid(violations)
        return position


def _by_fqn(parts: Sequence[str]) -> str:
    (fqn,) = parts
    return fqn


@dataclass(frozen=True, slots=True)
class EntityPage:
    """A page of entities; `more` says whether anything follows it."""

    entities: list[EntityView]
    more: bool


_ORDERS = {
    "name": ListOrder(),
    "name desc": ListOrder(descending=True),
    "updated_at": ListOrder(by_time=True),
    "updated_at desc": ListOrder(by_time=True, descending=True),
}


def order_of(text: str) -> str:
    """Returns the order that a caller names, in the one spelling that `AssetFilters` takes."""
    return " ".join(text.replace("updatedAt", "updated_at").split()).removesuffix(" asc") or "name"


def page_size_of(sent: int) -> int:
    """Returns how many a page holds at most."""
    return min(sent or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


class Lister:
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
        table, order = listing.kind.table, _ORDERS[listing.filters.order_by]
        records = await lists.page(connection, table, filters, order=order, after=after, limit=listing.page_size + 1)
        total = await lists.total(connection, table, filters) if listing.include_total else None
        page = records[: listing.page_size]
        shown = await views(connection, listing.kind, page, with_charts=listing.with_charts)
        return AssetPage(shown, more=len(records) > listing.page_size, total=total)

    async def entities(self, connection: ReadConnection, listing: EntityListing) -> EntityPage:
        """Returns a page of entities that the caller may view, of BI services only those.

        Raises:
            CatalogError: PERMISSION_DENIED, or INVALID_ARGUMENT for a wrong page token.
        """
        after = listing.position()
        only = None
        if listing.kind.name == "bi_service":
            services = await entities.of_kind(connection, "bi_service")
            only = [s.id for s in viewable_services(self._authorizer, listing.principal, listing.kind, services)]
        if not only:
            check_views_any(self._authorizer, listing.principal, listing.kind)
        records = await entities.page(
            connection,
            listing.kind.name,
            only=only,
            deleted=DELETED[listing.deleted],
            name_prefix=listing.name_prefix,
            after=after,
            limit=listing.page_size + 1,
        )
        page = await entity_views(connection, records[: listing.page_size])
        return EntityPage(page, more=len(records) > listing.page_size)

    async def _filters(self, connection: ReadConnection, listing: AssetListing) -> ListFilters | None:
        """Returns the filters of a listing by ids, or None if nothing can match them."""
        sent = listing.filters
        services = await self._services(connection, listing)
        ids = _Ids(connection, lambda kind, service: self._views(listing.principal, kind, service))
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


class _Ids:
    """From the names in filters to ids; None where a filter is empty."""

    def __init__(self, connection: ReadConnection, may_view: Callable[[AssetKind, EntityRecord], bool]) -> None:
        self._connection = connection
        self._may_view = may_view

    async def owner(self, text: str) -> list[UUID] | None:
        if not text:
            return None
        kind, _, name = text.partition(":")
        found = await entities.by_fqns(self._connection, [names.quote(name)])
        return [record.id for record in found if record.kind == kind]

    async def with_below(self, kind: str, text: str) -> list[UUID] | None:
        if not text:
            return None
        path = names.split(text)
        # One segment is a classification: every tag lies below one.
        kinds = ("classification",) if kind == "tag" and len(path) == 1 else (kind,)
        found = await entities.by_fqns(self._connection, [names.join(*path)])
        top = next((record for record in found if record.kind in kinds), None)
        return [record.id for record in await entities.all_below(self._connection, top)] if top else []

    async def chart(self, text: str) -> list[UUID] | None:
        if not text:
            return None
        _, chart = await self._asset(CHART_KIND, text)
        return [chart.id] if chart else []

    async def charts_of(self, text: str) -> list[UUID] | None:
        if not text:
            return None
        service, dashboard = await self._asset(DASHBOARD_KIND, text)
        # What a dashboard holds is for those to know who may view it.
        return dashboard.charts if service and dashboard and self._may_view(DASHBOARD_KIND, service) else []

    async def _asset(self, kind: AssetKind, text: str) -> tuple[EntityRecord | None, Any]:
        """Returns the asset of a fully qualified name and its BI service, as far as they exist."""
        service_name, name = names.split(text)
        service = await find_service(self._connection, service_name)
        records = await kind.table.by_names(self._connection, service.id, [name]) if service else []
        return service, records[0] if records else None
