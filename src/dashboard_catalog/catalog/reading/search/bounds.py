"""The bounds of a search: what the caller may view, and the filters of the request, as conditions on ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, KINDS
from dashboard_catalog.catalog.reading.filters import AssetFilters, FilterLookup
from dashboard_catalog.catalog.reading.search.matching import Conditions
from dashboard_catalog.catalog.reading.search.request import SearchRequest
from dashboard_catalog.catalog.reading.search.viewing import Viewing
from dashboard_catalog.index import queries
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.list_filters import ListFilters
from dashboard_catalog.store.records import EntityRecord

_IDS = {"owners": "owner", "domains": "domain", "tags": "tag", "services": "service"}
"""The fields of the index that filters by ids compare, by the names of the filters."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a search may find.

    Attributes:
        viewing: What the caller may view.
        filters: The filters of the request by ids; None if nothing can match them.
    """

    viewing: Viewing
    filters: ListFilters | None

    def conditions(self) -> Conditions:
        """Returns what finds everything within the bounds."""
        if self.filters is None:
            return Conditions([queries.nothing()])
        viewable = self.viewing.condition()
        all_of, none_of = list(self._filters(self.filters)), []
        # To leave few documents out is faster than to find all others.
        if viewable is None:
            none_of.append(queries.no_things())
        else:
            all_of.append(viewable)
        if self.filters.deleted == (False,):
            none_of.append(queries.deleted())
        elif self.filters.deleted == (True,):
            all_of.append(queries.deleted())
        return Conditions(all_of, none_of)

    def matches(self, kind: str, record: Any) -> bool:
        """Says whether a thing, as it is stored now, is still within the bounds.

        Args:
            record: May lack its large values. A description that is so large counts as missing.
        """
        filters = self.filters
        service = getattr(record, "service_id", record.id)
        if filters is None or record.deleted not in filters.deleted or not self.viewing.shows(kind, service):
            return False
        if filters.services is not None and service not in filters.services:
            return False
        if kind not in ASSET_KINDS:
            return True
        return (
            (filters.owners is None or not set(filters.owners).isdisjoint(record.owners))
            and (filters.domains is None or record.domain in filters.domains)
            and (filters.tags is None or not set(filters.tags).isdisjoint(record.tags))
            and (not filters.project or getattr(record, "project", None) == filters.project)
            and not any(getattr(record, name) for name in filters.missing)
        )

    def _filters(self, filters: ListFilters) -> Iterator[queries.Query]:
        for name, field in _IDS.items():
            ids = getattr(filters, name)
            if ids is not None:
                yield queries.any_of(field, [id_.hex for id_ in ids])
        if filters.project:
            yield queries.any_of("project", [filters.project])
        for name in filters.missing:
            yield queries.any_of("missing", [name])


async def bounds_of(
    connection: ReadConnection, authorizer: Authorizer, request: SearchRequest, services: Sequence[EntityRecord]
) -> Bounds:
    """Returns the bounds of a search.

    Args:
        request: Whose filters have no violations.
        services: All BI services.

    Raises:
        CatalogError: PERMISSION_DENIED if the caller may view none of the kinds.
    """
    viewing = Viewing.of(authorizer, request.principal, request.kinds or KINDS, services)
    # The filters that name assets, which need to know what the caller may view, are not those of a search.
    lookup = FilterLookup(connection, lambda _kind, _services: [])
    filters = await lookup.resolve(request.filters, _services(request.filters, services))
    return Bounds(viewing, filters)


def _services(filters: AssetFilters, services: Sequence[EntityRecord]) -> list[Any] | None:
    """Returns the ids of the BI services that the filters name; None if they name none."""
    if not filters.service and not filters.service_type:
        return None
    name = names.split(filters.service)[0] if filters.service else ""
    return [
        service.id
        for service in services
        if (not name or service.name == name)
        and (not filters.service_type or service.attributes["service_type"] == filters.service_type)
    ]
