"""Reads what an export shows as it was when the export began: the names of what its items refer to.

Each thing that has not changed since is read where it is. Only the others are looked up among older versions.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, exists, select

from dashboard_catalog.store import entities
from dashboard_catalog.store.column_types import NUMBER_LIST, UUID_LIST
from dashboard_catalog.store.columns import record_maker
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.feed_statements import ENTITY_COLUMNS
from dashboard_catalog.store.places import has_id, is_wanted, within
from dashboard_catalog.store.records import AssetRecord, EntityRecord
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import CHART, CHART_HISTORY, DASHBOARD, ENTITY_CHANGE

_ids = bindparam("ids", type_=UUID_LIST)
_later = ENTITY_CHANGE.alias("later")
_entities_reader = Reader(ENTITY_COLUMNS, record_maker(EntityRecord))
_entities_as_of = select(*ENTITY_COLUMNS).where(
    any_of(ENTITY_CHANGE.c.id, _ids),
    ENTITY_CHANGE.c.change_number <= bindparam("number"),
    ~exists().where(
        _later.c.id == ENTITY_CHANGE.c.id,
        _later.c.change_number > ENTITY_CHANGE.c.change_number,
        _later.c.change_number <= bindparam("number"),
    ),
)
_parents_reader: Reader[Sequence[Any]] = Reader(
    [ENTITY_CHANGE.c.change_number, ENTITY_CHANGE.c.id, ENTITY_CHANGE.c.parents]
)
_parents = select(ENTITY_CHANGE.c.change_number, ENTITY_CHANGE.c.id, ENTITY_CHANGE.c.parents).where(
    any_of(ENTITY_CHANGE.c.change_number, bindparam("numbers", type_=NUMBER_LIST))
)
_CHART_COLUMNS = ("id", "service_id", "name", "deleted", "change_number")
_charts = select(*(CHART.c[name] for name in _CHART_COLUMNS))
_older_charts = select(*(CHART_HISTORY.c[name] for name in _CHART_COLUMNS)).where(
    any_of(CHART_HISTORY.c.service_id, bindparam("service_ids", type_=UUID_LIST)), any_of(CHART_HISTORY.c.id, _ids)
)
_newest = select(DASHBOARD.c.id, DASHBOARD.c.version)


class NamedChart(NamedTuple):
    """As much of a chart as a reference needs."""

    id: UUID
    service_id: UUID
    name: str
    deleted: bool
    change_number: int


async def entities_as_of(connection: ReadConnection, ids: Iterable[UUID], number: int) -> list[EntityRecord]:
    """Returns entities as they were after a change of the sequence of entities.

    Those that came later are as they are today. Those that have been removed for good are missing.
    """
    found = await entities.by_ids(connection, ids)
    changed = [record.id for record in found if record.change_number > number]
    if not changed:
        return found
    older = await _entities_reader.all(connection, _entities_as_of, {"ids": changed, "number": number})
    replaced = {record.id for record in older}
    return [*older, *(record for record in found if record.id not in replaced)]


async def parents_of_versions(
    connection: ReadConnection, numbers: Iterable[int]
) -> list[tuple[int, UUID, Sequence[UUID]]]:
    """Returns (number, id, ids of its parents) of the entities as these changes left them."""
    rows = await _parents_reader.all(connection, _parents, {"numbers": list(numbers)})
    return [(number, id_, parents) for number, id_, parents in rows]


async def charts_as_of(
    connection: ReadConnection, ids: Collection[UUID], service_ids: Collection[UUID], numbers: Mapping[UUID, int]
) -> list[NamedChart]:
    """Returns charts as they were after a change of their BI service; those of other BI services as they are today.

    Args:
        connection: Where to read.
        ids: Of the charts.
        service_ids: The BI services of what refers to them, where most of them are.
        numbers: The last change of each BI service that counts.
    """
    if not ids:
        return []
    rows = list(await connection.execute(_charts.where(is_wanted(connection, CHART)), within(service_ids, ids)))
    if connection.is_distributed and (missing := set(ids).difference(row.id for row in rows)):
        rows += await connection.execute(_charts.where(has_id(CHART)), {"ids": list(missing)})
    found = [NamedChart(*row) for row in rows]
    changed = [chart for chart in found if chart.change_number > numbers.get(chart.service_id, chart.change_number)]
    if not changed:
        return found
    parameters = {"ids": [chart.id for chart in changed], "service_ids": [chart.service_id for chart in changed]}
    older: dict[UUID, list[NamedChart]] = defaultdict(list)
    for row in await connection.execute(_older_charts, parameters):
        chart = NamedChart(*row)
        if chart.change_number <= numbers[chart.service_id]:
            older[chart.id].append(chart)
    newest = {id_: max(versions, key=lambda chart: chart.change_number) for id_, versions in older.items()}
    return [newest.get(chart.id, chart) for chart in found]


async def newest_versions(connection: ReadConnection, records: Collection[AssetRecord]) -> dict[UUID, int]:
    """Returns the newest version of dashboards, in tenths, by id."""
    if not records:
        return {}
    wanted = within({record.service_id for record in records}, [record.id for record in records])
    statement = _newest.where(is_wanted(connection, DASHBOARD))
    return {row.id: row.version for row in await connection.execute(statement, wanted)}
