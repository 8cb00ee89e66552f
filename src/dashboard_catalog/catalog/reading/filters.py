"""What lists of assets are filtered by: from the names that callers send to the ids that the store compares.

A new filter is a field of `AssetFilters`, named as in the contract, and a field of the store's `ListFilters`. If both
have the same name, the value is passed on as it is. A filter that names something gets an entry in `_NAMING`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, AssetKind
from dashboard_catalog.catalog.reading.entity_reads import find_service
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.hierarchies import ids_below
from dashboard_catalog.store.list_filters import ListFilters
from dashboard_catalog.store.records import EntityRecord

DELETED_STATES: Mapping[str, tuple[bool, ...]] = {"exclude": (False,), "include": (False, True), "only": (True,)}
"""The values of `deleted` that each value of the filter `deleted` finds."""

_OWNER = re.compile(r"(user|team):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AssetFilters:
    """Which assets a list holds, and in which order: see the contract's list requests. An empty filter matches all."""

    service: str = ""
    service_type: str = ""
    owner: str = ""
    domain: str = ""
    tag: str = ""
    chart: str = ""
    dashboard: str = ""
    project: str = ""
    missing: tuple[str, ...] = ()
    updated_by: str = ""
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    name_prefix: str = ""
    deleted: str = "exclude"
    order_by: str = "name"

    def violations(self) -> list[Violation]:
        """Returns a violation for each filter that does not parse."""
        found = []
        for field, naming in _NAMING.items():
            try:
                if text := getattr(self, field):
                    naming.parse(text)
            except names.NameSyntaxError as error:
                found.append(Violation(field, ViolationReason.INVALID_FORMAT, str(error)))
        return found


@dataclass(frozen=True, slots=True)
class FilterLookup:
    """Finds the ids that filters stand for.

    Attributes:
        viewable: Returns those of some BI services whose assets of a kind the caller may view.
    """

    connection: ReadConnection
    viewable: Callable[[AssetKind, Sequence[EntityRecord]], Sequence[EntityRecord]]

    async def resolve(self, sent: AssetFilters, services: Sequence[UUID] | None) -> ListFilters | None:
        """Returns the filters by ids, or None if nothing can match them.

        Args:
            sent: Filters without violations.
            services: Ids of the BI services that the list is about, or None for all.
        """
        filters: dict[str, Any] = {field: getattr(sent, field) for field in _PASSED_ON}
        for field, naming in _NAMING.items():
            text = getattr(sent, field)
            if text and naming.find is not None:
                ids = await naming.find(self, *naming.parse(text))
                if not ids:
                    return None
                filters[naming.fills] = ids
        return ListFilters(services=services, deleted=DELETED_STATES[sent.deleted], **filters)

    async def owners(self, kind: str, name: str) -> Sequence[UUID]:
        """Returns the id of the user or team of a raw name, if it exists."""
        found = await entities.by_fqns(self.connection, [names.quote(name)])
        return [record.id for record in found if record.kind == kind]

    async def domains(self, *path: str) -> Sequence[UUID]:
        """Returns the ids of a domain and of all domains below it."""
        return await self._with_all_below("domain", path)

    async def tags(self, *path: str) -> Sequence[UUID]:
        """Returns the ids of a tag, or of a classification, and of all tags below it."""
        return await self._with_all_below("classification" if len(path) == 1 else "tag", path)

    async def charts(self, service: str, name: str) -> Sequence[UUID]:
        """Returns the id of the chart of these raw names, if it exists and may be viewed."""
        chart = await self._asset(CHART_KIND, service, name)
        return [chart.id] if chart else []

    async def charts_of(self, service: str, name: str) -> Sequence[UUID]:
        """Returns the ids of the charts that the dashboard of these raw names holds; none if it may not be viewed."""
        dashboard = await self._asset(DASHBOARD_KIND, service, name)
        charts: Sequence[UUID] = dashboard.charts if dashboard else []
        return charts

    async def _with_all_below(self, kind: str, path: Sequence[str]) -> Sequence[UUID]:
        found = await entities.by_fqns(self.connection, [names.join(*path)])
        return list(await ids_below(self.connection, [record for record in found if record.kind == kind]))

    async def _asset(self, kind: AssetKind, service: str, name: str) -> Any:
        """Returns the asset of these raw names, or None if it does not exist or may not be viewed."""
        bi_service = await find_service(self.connection, service)
        if bi_service is None or not self.viewable(kind, [bi_service]):
            return None
        found = await kind.table.by_names(self.connection, bi_service.id, [name])
        return found[0] if found else None


class _Naming(NamedTuple):
    """How a filter names something.

    Attributes:
        parse: Returns the parts of a text; raises NameSyntaxError.
        find: Returns the ids for these parts; none if nothing can match.
        fills: The field of `ListFilters` that takes the ids.
    """

    parse: Callable[[str], Sequence[str]]
    find: Callable[..., Awaitable[Sequence[UUID]]] | None = None
    fills: str = ""


def _parse_owner(text: str) -> Sequence[str]:
    if match := _OWNER.fullmatch(text):
        return match.groups()
    raise names.NameSyntaxError("must be user:NAME or team:NAME, with the raw name")


_two_segments = partial(names.split, segments=2)
_NAMING: Mapping[str, _Naming] = {
    # The BI services of a list depend on what the caller may view as well: `asset_lists` finds them.
    "service": _Naming(partial(names.split, segments=1)),
    "domain": _Naming(names.split, FilterLookup.domains, "domains"),
    "tag": _Naming(names.split, FilterLookup.tags, "tags"),
    "chart": _Naming(_two_segments, FilterLookup.charts, "charts"),
    "dashboard": _Naming(_two_segments, FilterLookup.charts_of, "ids"),
    "owner": _Naming(_parse_owner, FilterLookup.owners, "owners"),
}
_PASSED_ON = (AssetFilters.__dataclass_fields__.keys() & ListFilters.__dataclass_fields__.keys()) - {"deleted"}
