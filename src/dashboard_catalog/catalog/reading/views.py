"""What callers see: assets and entities, with the names of everything that they refer to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.known.known_entities import referred_ids
from dashboard_catalog.catalog.known.property_targets import PropertyTargets
from dashboard_catalog.catalog.model import change
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import CHART_KIND, AssetKind
from dashboard_catalog.catalog.model.stewardship import Marks
from dashboard_catalog.catalog.visibility.hidden_values import HiddenValues
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import AssetRecord, DashboardRecord, EntityRecord


class Reference(NamedTuple):
    """What a caller sees of a thing that an asset refers to.

    Attributes:
        hidden: Whether the caller may not view it. Then only its kind is known.
    """

    id: UUID
    kind: str
    name: str
    fqn: str
    display_name: str | None
    deleted: bool
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class AssetView:
    """An asset in one of its versions.

    Attributes:
        kind: Its kind.
        record: Its row.
        service: Its BI service.
        references: Everything that it refers to, by id.
        is_shown: Whether the caller may view it. One who may only write it sees which asset and version it is.
    """

    kind: AssetKind
    record: Any
    service: EntityRecord
    references: Mapping[UUID, Reference]
    is_shown: bool = True

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
        is_shown: Whether the caller may view it. One who may only write it sees which entity it is.
    """

    record: EntityRecord
    above: Mapping[UUID, str]
    is_shown: bool = True


async def entity_views(connection: ReadConnection, records: Sequence[EntityRecord]) -> list[EntityView]:
    """Returns the views of entities, in their order, with one statement for all of them."""
    ids = {id_ for record in records for id_ in record.parents}
    above = {record.id: record.fqn for record in await entities.by_ids(connection, ids)}
    return [EntityView(record, above) for record in records]


async def asset_views(
    connection: ReadConnection,
    kind: AssetKind,
    records: Sequence[AssetRecord],
    viewers: Sequence[Principal],
    sight: Sight,
    *,
    with_charts: bool = True,
) -> list[AssetView]:
    """Returns the views of assets, in their order, with two statements for all of them.

    Args:
        connection: Where to read.
        kind: Of the assets.
        records: The assets.
        viewers: Who sees each asset.
        sight: What the viewers may view. Entities and charts that it knows are not read again.
        with_charts: Whether to read the charts of dashboards.
    """
    if not records:
        return []
    chart_ids = chart_ids_in(records) if with_charts else set()
    charts = await sight.known.chart_rows(connection, chart_ids, {record.service_id for record in records})
    entity_ids = referred_ids(records).union(*map(other_ids_in, records), (row[0] for row in charts))
    await sight.known.load_by_id(connection, entity_ids)
    known = {id_: entity for id_ in entity_ids if (entity := sight.known.get(id_))}
    references = {
        id_: Reference(id_, entity.kind, entity.name, entity.fqn, entity.display_name, entity.deleted)
        for id_, entity in known.items()
    }
    for service_id, name, id_, display_name, deleted, _ in charts:
        fqn = names.join(known[service_id].name, name)
        references[id_] = Reference(id_, "chart", name, fqn, display_name, deleted)
    views = [AssetView(kind, record, known[record.service_id], references) for record in records]
    if any(map(sight.is_limited, viewers)):
        services = {row[2]: known[row[0]] for row in charts}
        chart_services = {id_: services.get(id_) for id_ in chart_ids}
        return await limited_views(connection, views, viewers, sight, chart_services)
    return views


async def limited_views(
    connection: ReadConnection,
    views: Sequence[AssetView],
    viewers: Sequence[Principal],
    sight: Sight,
    chart_services: Mapping[UUID, EntityRecord | None],
) -> list[AssetView]:
    """Returns views without what their viewers may not view.

    Args:
        chart_services: The BI service of each chart that the assets refer to; None for a chart that has been removed
            for good, which is hidden since nobody can say who might have viewed it.
    """
    values = HiddenValues(sight, PropertyTargets(sight.known))
    pairs = list(zip(views, viewers, strict=True))
    limited = [view for view, viewer in pairs if sight.is_limited(viewer)]
    for view in limited[:1]:
        await values.load(connection, view.kind.name, chain.from_iterable(map(_property_values, limited)))
    references: dict[int, Mapping[UUID, Reference]] = {}
    shown = []
    for view, viewer in pairs:
        if not sight.is_limited(viewer):
            shown.append(view)
            continue
        if id(viewer) not in references:
            hidden = (id_ for id_, of in chart_services.items() if not sight.shows(viewer, CHART_KIND, of))
            references[id(viewer)] = {**view.references, **{id_: _hidden_chart(id_) for id_ in hidden}}
        shown.append(
            replace(
                view,
                record=_without_hidden(view, partial(values.shown, viewer, view.kind.name)),
                references=references[id(viewer)],
                is_shown=sight.shows(viewer, view.kind, view.service),
            )
        )
    return shown


def _without_hidden(view: AssetView, shown: Callable[[str, Any], Any]) -> Any:
    """Returns the record of an asset with what is shown of its custom properties, also of their last change."""
    record = view.record
    if not any(isinstance(value, (dict, list)) for _, value in _property_values(view)):
        return record
    record = view.kind.table.copy(record)
    record.extension = {key: shown(key, value) for key, value in (record.extension or {}).items()} or None
    record.change = change.with_property_values(record.change, shown) if record.change else None
    return record


def _property_values(view: AssetView) -> Iterator[tuple[str, Any]]:
    yield from (view.record.extension or {}).items()
    yield from change.property_values(view.record.change)


def _hidden_chart(id_: UUID) -> Reference:
    return Reference(id_, CHART_KIND.name, "", "", None, deleted=False, hidden=True)


def chart_ids_in(records: Iterable[AssetRecord]) -> set[UUID]:
    """Returns the ids of all charts that views of assets name."""
    ids: set[UUID] = set()
    for record in records:
        if isinstance(record, DashboardRecord):
            ids.update(record.charts)
        ids.update(change.chart_ids(record.change))
    return ids


def other_ids_in(record: AssetRecord) -> Iterable[UUID]:
    """Yields the ids of what a view of an asset names beside its charts and what it refers to."""
    yield record.service_id
    if record.edited:
        yield from Marks.decode(record.edited).tags
    yield from change.entity_ids(record.change)
