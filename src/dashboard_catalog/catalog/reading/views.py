"""What callers see: assets and entities, with the names of everything that they refer to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.known.known_entities import KnownEntities, referred_ids
from dashboard_catalog.catalog.model import change
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.model.stewardship import Marks
from dashboard_catalog.store import entities
from dashboard_catalog.store.charts import chart_references
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import AssetRecord, DashboardRecord, EntityRecord


class Reference(NamedTuple):
    """What a caller sees of a thing that an asset refers to."""

    id: UUID
    kind: str
    name: str
    fqn: str
    display_name: str | None
    deleted: bool


@dataclass(frozen=True, slots=True)
class AssetView:
    """An asset in one of its versions.

    Attributes:
        kind: Its kind.
        record: Its row.
        service: Its BI service.
        references: Everything that it refers to, by id.
    """

    kind: AssetKind
    record: Any
    service: EntityRecord
    references: Mapping[UUID, Reference]

    @property
    def fqn(self) -> str:
        """The fully qualified name of the asset."""
        return names.join(self.service.name, self.record.name)


@dataclass(frozen=True, slots=True)
class EntityView:
    """An entity.

    Attributes:
        record: Its row.
        above: Fully qualified names of its parents, by id.
    """

    record: EntityRecord
    above: Mapping[UUID, str]


async def entity_views(connection: ReadConnection, records: Sequence[EntityRecord]) -> list[EntityView]:
    """Returns the views of entities, in their order, with one statement for all of them."""
    ids = {id_ for record in records for id_ in record.parents}
    above = {record.id: record.fqn for record in await entities.by_ids(connection, ids)}
    return [EntityView(record, above) for record in records]


async def asset_views(
    connection: ReadConnection,
    kind: AssetKind,
    records: Sequence[AssetRecord],
    *,
    known_entities: KnownEntities | None = None,
    with_charts: bool = True,
) -> list[AssetView]:
    """Returns the views of assets, in their order, with two statements for all of them.

    Args:
        connection: Where to read.
        kind: Of the assets.
        records: The assets.
        known_entities: Entities that need not be read again.
        with_charts: Whether to read the charts of dashboards.
    """
    if not records:
        return []
    known_entities = known_entities or KnownEntities()
    chart_ids = _chart_ids(records) if with_charts else set()
    charts = await chart_references(connection, chart_ids) if chart_ids else []
    entity_ids = referred_ids(records).union(*map(_other_ids, records), (row[0] for row in charts))
    await known_entities.load_by_id(connection, entity_ids)
    known = {id_: entity for id_ in entity_ids if (entity := known_entities.get(id_))}
    references = {
        id_: Reference(id_, entity.kind, entity.name, entity.fqn, entity.display_name, entity.deleted)
        for id_, entity in known.items()
    }
    for service_id, name, id_, display_name, deleted in charts:
        fqn = names.join(known[service_id].name, name)
        references[id_] = Reference(id_, "chart", name, fqn, display_name, deleted)
    return [AssetView(kind, record, known[record.service_id], references) for record in records]


def _chart_ids(records: Iterable[AssetRecord]) -> set[UUID]:
    ids: set[UUID] = set()
    for record in records:
        if isinstance(record, DashboardRecord):
            ids.update(record.charts)
        ids.update(change.chart_ids(record.change))
    return ids


def _other_ids(record: AssetRecord) -> Iterable[UUID]:
    yield record.service_id
    if record.edited:
        yield from Marks.decode(record.edited).tags
    yield from change.entity_ids(record.change)
