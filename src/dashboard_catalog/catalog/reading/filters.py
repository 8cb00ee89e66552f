"""What lists of assets are filtered by, and in which order they come."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, AssetKind
from dashboard_catalog.catalog.reading.entity_reads import find_service
from dashboard_catalog.errors import Violation, ViolationReason
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.list_pages import ListOrder
from dashboard_catalog.store.tables import EntityRecord

# Filters that are fully qualified names, and how many segments each has; None: any number.
_SEGMENTS = {"service": 1, "domain": None, "tag": None, "chart": 2, "dashboard": 2}

_OWNER = re.compile(r"(user|team):(.+)", re.DOTALL)

ORDERS = {
    "name": ListOrder(),
    "name desc": ListOrder(descending=True),
    "updated_at": ListOrder(by_time=True),
    "updated_at desc": ListOrder(by_time=True, descending=True),
}


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
        if self.order_by not in ORDERS:
            hint = f"must be one of {', '.join(ORDERS)}"
            found.append(Violation("order_by", ViolationReason.INVALID_VALUE, hint))
        return found


def order_of(text: str) -> str:
    """Returns the order that a caller names, in the one spelling that `AssetFilters` takes."""
    return " ".join(text.replace("updatedAt", "updated_at").split()).removesuffix(" asc") or "name"


class FilterIds:
    """From the names in filters to ids; None where a filter is empty."""

    def __init__(self, connection: ReadConnection, may_view: Callable[[AssetKind, EntityRecord], bool]) -> None:
        self._connection = connection
        self._may_view = may_view

    async def owner(self, text: str) -> list[UUID] | None:
        """Returns the id of an owner."""
        if not text:
            return None
        kind, _, name = text.partition(":")
        found = await entities.by_fqns(self._connection, [names.quote(name)])
        return [record.id for record in found if record.kind == kind]

    async def with_below(self, kind: str, text: str) -> list[UUID] | None:
        """Returns the ids of an entity and of everything below it."""
        if not text:
            return None
        path = names.split(text)
        # One segment is a classification: every tag lies below one.
        kinds = ("classification",) if kind == "tag" and len(path) == 1 else (kind,)
        found = await entities.by_fqns(self._connection, [names.join(*path)])
        top = next((record for record in found if record.kind in kinds), None)
        return [record.id for record in await entities.all_below(self._connection, top)] if top else []

    async def chart(self, text: str) -> list[UUID] | None:
        """Returns the id of a chart."""
        if not text:
            return None
        _, chart = await self._asset(CHART_KIND, text)
        return [chart.id] if chart else []

    async def charts_of(self, text: str) -> list[UUID] | None:
        """Returns the ids of the charts that a dashboard holds."""
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
