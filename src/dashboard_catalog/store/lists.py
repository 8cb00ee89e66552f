"""Pages of assets: each filter is a range of sorted keys, several are intersected, and a page is where they meet.

Both databases merge sorted ranges and stop when the page is full, so a common filter and a rare one cost alike; neither
needs an estimate of how many there are. docs/decisions/0001 has the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    bindparam,
    false,
    func,
    intersect,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.types import ID, KEY_TEXT, UUID_LIST, any_of, begins_with

Position = tuple[str | datetime, UUID]
"""Where the page before ended: (name, service id), or (time, id)."""


@dataclass(frozen=True, slots=True)
class ListFilters:
    """Which assets a list holds, by ids; None or empty means all.

    Attributes:
        services: The BI services that they are of.
        targets: Sets of owners or tags: each asset refers to one of every set.
        charts: They hold one of these charts.
        ids: They are among these.
        domains: They are in one of these domains.
        deleted: Values of `deleted` that they may have.
    """

    services: Sequence[UUID] | None = None
    targets: Sequence[Sequence[UUID]] = ()
    charts: Sequence[UUID] | None = None
    ids: Sequence[UUID] | None = None
    domains: Sequence[UUID] | None = None
    project: str = ""
    name_prefix: str = ""
    deleted: Sequence[bool] = (False,)


@dataclass(frozen=True, slots=True)
class ListOrder:
    """The order of a list: by name and service, or by time and id."""

    by_time: bool = False
    descending: bool = False


async def page(
    connection: AsyncConnection,
    table: AssetTable[Any],
    filters: ListFilters,
    *,
    order: ListOrder,
    after: Position | None,
    limit: int,
) -> list[Any]:
    """Returns the records of a page."""
    lists = _Lists(connection.dialect.name, table, filters)
    statement = lists.by_time(order, after) if order.by_time else lists.by_name(order, after, limit)
    return await table.fetch(connection, statement.limit(limit))


async def total(connection: AsyncConnection, table: AssetTable[Any], filters: ListFilters) -> int:
    """Returns how many assets the filters match."""
    keys = _Lists(connection.dialect.name, table, filters).keys(ListOrder(), None)
    return int((await connection.execute(select(func.count()).select_from(keys.subquery()))).scalar_one())


class _Lists:
    def __init__(self, dialect: str, table: AssetTable[Any], filters: ListFilters) -> None:
        self._dialect = dialect
        self._table = table
        self._filters = filters

    def by_name(self, order: ListOrder, after: Position | None, limit: int) -> Select[Any]:
        """Returns the statement for the rows of a page ordered by name."""
        columns = self._table.table.c
        keys = self.keys(order, after)
        found = keys.order_by(*_ordered(keys.selected_columns, order)).limit(limit).subquery()
        joined = (columns.service_id == found.c.service_id) & (columns.name == found.c.name)
        return self._table.select().join(found, joined).order_by(*_ordered(found.c, order))

    def by_time(self, order: ListOrder, after: Position | None) -> Select[Any]:
        """Returns the statement for the rows of a page ordered by time."""
        columns = self._table.table.c
        keys = self.keys(ListOrder(), None).subquery()
        key = tuple_(columns.updated_at, columns.id)
        statement = self._table.select().where(
            tuple_(columns.service_id, columns.name).in_(select(keys.c.service_id, keys.c.name))
        )
        if after:
            end = tuple_(*after, types=[columns.updated_at.type, columns.id.type])
            statement = statement.where(key < end if order.descending else key > end)
        parts = (columns.updated_at, columns.id)
        return statement.order_by(*(part.desc() if order.descending else part for part in parts))

    def keys(self, order: ListOrder, after: Position | None) -> Any:
        """Returns the statement for (name, service_id) of what the filters match after a position."""
        ranges = [self._range(found, order, after) for found in self._found()]
        return ranges[0] if len(ranges) == 1 else intersect(*ranges)

    def _found(self) -> list[FromClause]:
        """Returns what each filter finds, as (name, service_id, deleted)."""
        filters, references = self._filters, self._table.references
        found = [references.of(ids) for ids in filters.targets]
        if filters.charts is not None:
            found.append(references.of_charts(self._dialect, filters.charts))
        found += [self._rows(condition) for condition in self._conditions()]
        return [each.subquery() for each in found or [self._rows(true())]]

    def _conditions(self) -> list[ColumnElement[bool]]:
        filters, columns = self._filters, self._table.table.c
        conditions: list[ColumnElement[bool]] = []
        if filters.domains is not None:
            conditions.append(_one_of(columns.domain, filters.domains))
        if filters.ids is not None:
            conditions.append(_one_of(columns.id, filters.ids))
        if filters.project:
            conditions.append(columns.project == filters.project)
        return conditions

    def _rows(self, condition: ColumnElement[bool]) -> Select[Any]:
        columns = self._table.table.c
        return select(columns.name, columns.service_id, columns.deleted).where(condition)

    def _range(self, found: FromClause, order: ListOrder, after: Position | None) -> Select[Any]:
        """Returns the keys of what a filter finds, from a position on."""
        filters, c = self._filters, found.c
        key = tuple_(c.name, c.service_id)
        statement = select(c.name, c.service_id)
        if len(filters.deleted) == 1:
            statement = statement.where(c.deleted == (true() if filters.deleted[0] else false()))
        if filters.services is not None:
            statement = statement.where(_one_of(c.service_id, filters.services))
        if filters.name_prefix:
            statement = statement.where(begins_with(c.name, filters.name_prefix))
        if after:
            end = tuple_(*after, types=[KEY_TEXT, ID])
            statement = statement.where(key < end if order.descending else key > end)
        return statement


def _one_of(column: ColumnElement[Any], ids: Sequence[UUID]) -> ColumnElement[bool]:
    if len(ids) == 1:
        return column == ids[0]
    return any_of(column, bindparam(None, list(ids), UUID_LIST))


def _ordered(columns: Any, order: ListOrder) -> list[ColumnElement[Any]]:
    parts = (columns.name, columns.service_id)
    return [part.desc() if order.descending else part for part in parts]
