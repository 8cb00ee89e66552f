"""Reads charts as the dashboards that refer to them need them, and the dashboards that hold a chart."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from dashboard_catalog.store.assets import DASHBOARDS
from dashboard_catalog.store.column_types import TEXT_LIST, UUID_LIST
from dashboard_catalog.store.conditions import any_of
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.places import PlacedStatement, within
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import CHART, DASHBOARD

_columns = [CHART.c[name] for name in ("service_id", "name", "id", "display_name", "deleted", "deleted_by_edit")]
_reader = Reader[Sequence[Any]](_columns)
_by_names = FixedStatement(
    select(*_columns).where(
        any_of(CHART.c.service_id, bindparam("service_ids", type_=UUID_LIST)),
        any_of(CHART.c.name, bindparam("names", type_=TEXT_LIST)),
    )
)
_by_ids = PlacedStatement(select(*_columns), CHART)
_holders = select(DASHBOARD.c.id, DASHBOARD.c.service_id, DASHBOARD.c.name, DASHBOARD.c.charts, DASHBOARD.c.deleted)


async def charts_of_names(
    connection: ReadConnection, service_ids: Iterable[UUID], names: Iterable[str]
) -> list[Sequence[Any]]:
    """Returns rows as `charts_of_ids`, of the charts of these names in these BI services."""
    parameters = {"service_ids": list(service_ids), "names": list(names)}
    if not parameters["service_ids"]:
        return []
    return await _reader.all(connection, _by_names, parameters)


async def charts_of_ids(
    connection: ReadConnection, ids: Collection[UUID], service_ids: Collection[UUID]
) -> list[Sequence[Any]]:
    """Returns rows (service_id, name, id, display_name, deleted, deleted_by_edit) of the charts with these ids.

    Args:
        connection: Where to read.
        ids: Of the charts.
        service_ids: The BI services of what refers to them. Most charts belong to these, so a cluster looks for others
            only if there are any.
    """
    found = await charts_within(connection, service_ids, ids)
    if not connection.is_distributed or not (missing := set(ids).difference(row[2] for row in found)):
        return found
    return found + await _reader.all(connection, _by_ids.anywhere, {"ids": list(missing)})


async def charts_within(
    connection: ReadConnection, service_ids: Collection[UUID], ids: Collection[UUID]
) -> list[Sequence[Any]]:
    """Returns rows as `charts_of_ids`; from a cluster, those of the charts of these BI services."""
    return await _reader.all(connection, _by_ids.on(connection), within(service_ids, ids)) if ids else []


async def holder_ids(connection: ReadConnection, service_id: UUID, chart_ids: Iterable[UUID]) -> list[UUID]:
    """Returns the ids of the dashboards of a BI service that hold any of these charts, deleted or not."""
    ids = list(chart_ids)
    if not ids:
        return []
    found = DASHBOARDS.references.of_charts(connection.dialect.name, ids).subquery()
    same = (DASHBOARD.c.service_id == found.c.service_id) & (DASHBOARD.c.name == found.c.name)
    statement = select(DASHBOARD.c.id).join(found, same).where(found.c.service_id == service_id)
    return list((await connection.execute(statement)).scalars())


async def chart_holders(connection: ReadConnection, chart_ids: Iterable[UUID]) -> list[Any]:
    """Returns rows (id, service_id, name, charts, deleted) of the dashboards that hold any of these charts."""
    ids = list(chart_ids)
    if not ids:
        return []
    found = DASHBOARDS.references.of_charts(connection.dialect.name, ids).subquery()
    same = (DASHBOARD.c.service_id == found.c.service_id) & (DASHBOARD.c.name == found.c.name)
    return list((await connection.execute(_holders.join(found, same))).all())
