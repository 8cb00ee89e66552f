"""From the versions that are exported to what is shown of them: every name as it was when the export began."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.known.known_entities import referred_ids
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.reading.exporting.cursor import Cursor
from dashboard_catalog.catalog.reading.views import (
    AssetView,
    EntityView,
    Reference,
    chart_ids_in,
    limited_views,
    other_ids_in,
)
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.store import exporting, former_names
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.exporting import NamedChart
from dashboard_catalog.store.records import (
    CATALOG_ID,
    AssetRecord,
    EntityRecord,
)


@dataclass(frozen=True, slots=True)
class Exported:
    """A thing that is exported.

    Attributes:
        view: What is exported of it.
        former_names: Raw ones of an asset, fully qualified ones of an entity.
        after: The place after it.
    """

    view: AssetView | EntityView
    former_names: Sequence[str]
    after: Cursor


class Names:
    """The names of one export.

    Args:
        numbers: The number of the last change of each sequence when the export began.
        principal: Who exports.
        sight: What they may view.
    """

    def __init__(self, numbers: Mapping[UUID, int], principal: Principal, sight: Sight) -> None:
        self._numbers = numbers
        self._principal = principal
        self._sight = sight

    async def of_entities(
        self, connection: ReadConnection, records: Sequence[EntityRecord]
    ) -> list[tuple[EntityView, Sequence[str]]]:
        """Returns views of entities of one kind, each with its former names."""
        above = await self._entities(connection, {id_ for record in records for id_ in record.parents})
        fqns = {id_: entity.fqn for id_, entity in above.items()}
        former = await _former_names(connection, CATALOG_ID, records[0].kind, records) if records else {}
        return [(EntityView(record, fqns), _others(former.get(record.id, ()), record.fqn)) for record in records]

    async def of_assets(
        self, connection: ReadConnection, kind: AssetKind, records: Sequence[AssetRecord]
    ) -> list[tuple[AssetView, Sequence[str]]]:
        """Returns views of assets of one BI service, each with its former names."""
        if not records:
            return []
        service_id = records[0].service_id
        charts = await exporting.charts_as_of(connection, chart_ids_in(records), [service_id], self._numbers)
        ids = referred_ids(records).union(*map(other_ids_in, records), (c.service_id for c in charts))
        known = await self._entities(connection, ids)
        if service_id not in known:
            # Removed for good since.
            return []
        references = {id_: _reference(entity) for id_, entity in known.items()}
        references |= {chart.id: _chart_reference(chart, known) for chart in charts if chart.service_id in known}
        views = [AssetView(kind, record, known[service_id], references) for record in records]
        if self._sight.is_limited(self._principal):
            services = {chart.id: known.get(chart.service_id) for chart in charts}
            in_charts = {id_: services.get(id_) for id_ in chart_ids_in(records)}
            views = await limited_views(connection, views, [self._principal] * len(views), self._sight, in_charts)
        former = await _former_names(connection, service_id, kind.name, records)
        return [(view, _others(former.get(view.record.id, ()), view.record.name)) for view in views]

    async def service(self, connection: ReadConnection, service_id: UUID) -> EntityRecord | None:
        """Returns a BI service; None if it has been removed for good."""
        return (await self._entities(connection, [service_id])).get(service_id)

    async def deleted_charts(self, connection: ReadConnection, records: Sequence[AssetRecord]) -> set[UUID]:
        """Returns the ids of the deleted charts that dashboards hold."""
        services = {record.service_id for record in records}
        charts = await exporting.charts_as_of(connection, chart_ids_in(records), services, self._numbers)
        return {chart.id for chart in charts if chart.deleted}

    async def _entities(self, connection: ReadConnection, ids: Iterable[UUID]) -> dict[UUID, EntityRecord]:
        found = await exporting.entities_as_of(connection, ids, self._numbers.get(CATALOG_ID, 0))
        return {record.id: record for record in found}


async def _former_names(
    connection: ReadConnection, service_id: UUID, kind: str, records: Iterable[AssetRecord | EntityRecord]
) -> Mapping[UUID, Sequence[str]]:
    return await former_names.by_ids(connection, service_id, kind, [record.id for record in records])


def _others(former: Iterable[str], name: str) -> Sequence[str]:
    """Returns former names without the one that the thing had when the export began."""
    return sorted(one for one in former if one != name)


def _reference(entity: EntityRecord) -> Reference:
    return Reference(entity.id, entity.kind, entity.name, entity.fqn, entity.display_name, entity.deleted)


def _chart_reference(chart: NamedChart, known: Mapping[UUID, EntityRecord]) -> Reference:
    fqn = names.join(known[chart.service_id].name, chart.name)
    return Reference(chart.id, "chart", chart.name, fqn, None, chart.deleted)
