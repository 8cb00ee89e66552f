"""Pages of assets: each filter is a range of sorted keys, several are intersected, and a page is where they meet.

Both databases merge sorted ranges and stop when the page is full, so a common filter and a rare one cost alike; neither
needs an estimate of how many there are. Where ranges are not sorted as the page is, rows are looked at instead: those
of a filter that finds few, else the next ones in order, else all that match. docs/decisions/0001 has the figures.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    column,
    func,
    intersect,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)

from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.list_filters import (
    Filter,
    ListFilters,
    any_asset,
    boolean,
    finding_filters,
    narrowing_filters,
)
from dashboard_catalog.store.types import ID, KEY_TEXT, UUID_LIST

Position = tuple[str | datetime, UUID]
"""Where the page before ended: (name, service id), or (time, id)."""

# Where a filter finds no more than this, all that it finds is looked at.
_FEW = 2_000
# So many of the next rows are looked at: by time they lie side by side, by name all over the table.
_NEXT_BY_TIME, _NEXT_BY_NAME = 20_000, 1_000
# A larger page would hardly be filled by the next rows by name.
_WALKED_PAGE = 101


@dataclass(frozen=True, slots=True)
class ListOrder:
    """The order of a list: by name and service, or by time and id."""

    by_time: bool = False
    descending: bool = False

    def of(self, columns: Any) -> list[ColumnElement[Any]]:
        """Returns what a statement is ordered by."""
        parts = (columns.updated_at, columns.id) if self.by_time else (columns.name, columns.service_id)
        return [part.desc() if self.descending else part for part in parts]

    def follows(self, columns: Any, position: Position) -> ColumnElement[bool]:
        """Returns the condition that a row comes after a position."""
        if self.by_time:
            key, types = tuple_(columns.updated_at, columns.id), [columns.updated_at.type, columns.id.type]
        else:
            key, types = tuple_(columns.name, columns.service_id), [KEY_TEXT, ID]
        end = tuple_(*position, types=types)
        return key < end if self.descending else key > end


async def page(
    connection: ReadConnection,
    table: AssetTable[Any],
    filters: ListFilters,
    *,
    order: ListOrder,
    after: Position | None,
    limit: int,
) -> list[Any]:
    """Returns the records of a page."""
    lists = _Lists(connection.dialect.name, table, filters, order, after)
    if lists.weighs:
        sizes = list((await connection.execute(lists.sizes())).one())
        if min(sizes) <= _FEW:
            return await table.fetch(connection, lists.among(sizes.index(min(sizes))).limit(limit))
        if lists.walks(limit):
            found = await table.fetch(connection, lists.walk().limit(limit))
            if len(found) == limit:
                return found
    return await table.fetch(connection, lists.by_time().limit(limit) if order.by_time else lists.by_name(limit))


async def total(connection: ReadConnection, table: AssetTable[Any], filters: ListFilters) -> int:
    """Returns how many assets the filters match."""
    keys = _Lists(connection.dialect.name, table, filters, ListOrder(), None).keys(None)
    return int((await connection.execute(select(func.count()).select_from(keys.subquery()))).scalar_one())


class _Lists:
    """Makes the statements for one page."""

    def __init__(
        self, dialect: str, table: AssetTable[Any], filters: ListFilters, order: ListOrder, after: Position | None
    ) -> None:
        self._dialect = dialect
        self._table = table
        self._columns = table.table.c
        self._deleted = filters.deleted
        self._order = order
        self._after = after
        self._finding = finding_filters(table, dialect, filters)
        self._narrowing = narrowing_filters(table, filters)
        self._all = [*self._finding, *self._narrowing]

    @property
    def weighs(self) -> bool:
        """Whether it pays to ask how much each filter finds: no single sorted range is the list."""
        return bool(self._all) if self._order.by_time else len(self._all) > 1 and bool(self._finding)

    def walks(self, limit: int) -> bool:
        """Whether it pays to look at the next rows: ranges are in another order, or too many to merge."""
        if self._order.by_time:
            return True
        many_ranges = any(len(each.values) > 1 for each in self._finding)
        # No index has both states in the order of names.
        return many_ranges and len(self._deleted) == 1 and limit <= _WALKED_PAGE

    def sizes(self) -> Select[Any]:
        """Returns the statement for how much each filter finds, up to a little more than few."""
        # A number in the statement: the planner must know that it is small.
        found = [each.keys.limit(literal_column(str(_FEW + 1))).subquery() for each in self._all]
        return select(*[select(func.count()).select_from(each).scalar_subquery() for each in found])

    def among(self, place: int) -> Select[Any]:
        """Returns the statement for the rows that one filter finds and all hold for."""
        keys = self._all[place].keys_once()
        # Without a limit of its own the planner would rather walk all rows in order until the page is full.
        rows = self._joined(keys.offset(0).subquery()).where(*self._following(self._columns))
        return rows.where(*self._holding(self._columns)).order_by(*self._order.of(self._columns))

    def walk(self) -> Select[Any]:
        """Returns the statement for those of the next rows that all filters hold for."""
        c = self._columns
        rows = self._table.select().where(*self._following(c))
        if not self._order.by_time:
            rows = rows.where(c.deleted == boolean(self._deleted[0]))
        length = _NEXT_BY_TIME if self._order.by_time else _NEXT_BY_NAME
        following = rows.order_by(*self._order.of(c)).limit(length).subquery()
        return select(*following.c).where(*self._holding(following.c)).order_by(*self._order.of(following.c))

    def by_name(self, limit: int) -> Select[Any]:
        """Returns the statement for the rows of a page: where the ranges meet."""
        keys = self.keys(limit).subquery()
        return self._joined(keys).order_by(*self._order.of(keys.c))

    def by_time(self) -> Select[Any]:
        """Returns the statement for all rows that match, by time."""
        c = self._columns
        rows = self._joined(self.keys(None).offset(0).subquery()) if self.weighs else self._table.select()
        return rows.where(*self._following(c), *self._holding(c)).order_by(*self._order.of(c))

    def keys(self, limit: int | None) -> Any:
        """Returns the statement for (name, service_id) of all that match, or of the first by name."""
        states = [self._meeting(deleted, limit) for deleted in self._deleted]
        if len(states) == 1:
            return states[0]
        return self._first(union_all(*[select(*state.subquery().c) for state in states]), limit)

    def _meeting(self, deleted: bool, limit: int | None) -> Any:
        """Returns the statement for the keys of one state that all filters find."""
        finding = self._finding or self._narrowing[:1] or [any_asset(self._table)]
        if len(finding) == 1 and finding[0].values and limit and self._dialect == "postgresql":
            return self._first(self._value_by_value(finding[0], deleted, limit), limit)
        ranges = [self._range(each, deleted) for each in finding]
        return self._first(ranges[0] if len(ranges) == 1 else intersect(*ranges), limit)

    def _range(self, found: Filter, deleted: bool) -> Select[Any]:
        c = found.keys_once().subquery().c
        return select(c.name, c.service_id).where(self._state(found, c, deleted), *self._narrowed(c, found))

    def _value_by_value(self, found: Filter, deleted: bool, limit: int) -> Select[Any]:
        """Returns the statement for the first keys of each value of a filter."""
        ids = bindparam(None, list(found.values), UUID_LIST)
        value = func.unnest(ids).table_valued(column("id", ID)).render_derived()
        c = found.column.table.c
        state, narrowed = self._state(found, c, deleted), self._narrowed(c, found)
        keys = select(c.name, c.service_id).where(found.column == value.c.id, state, *narrowed)
        each = self._first(keys, limit).lateral()
        return select(each.c.name, each.c.service_id).select_from(value.join(each, true())).distinct()

    def _state(self, found: Filter, columns: Any, deleted: bool) -> Any:
        if found.column is self._columns.service_id:
            # The same, in a form that no index serves: that by name would be walked past all other services.
            return columns.deleted.is_not(boolean(not deleted))
        return columns.deleted == boolean(deleted)

    def _first(self, keys: Any, limit: int | None) -> Any:
        return keys if limit is None else keys.order_by(*self._order.of(keys.selected_columns)).limit(limit)

    def _joined(self, keys: Any) -> Select[Any]:
        c = self._columns
        return self._table.select().join(keys, (c.service_id == keys.c.service_id) & (c.name == keys.c.name))

    def _holding(self, columns: Any) -> Iterator[ColumnElement[bool]]:
        if len(self._deleted) == 1:
            # In a form that no index serves: one that begins with it would be read in place of that of the order.
            yield columns.deleted.is_not(boolean(not self._deleted[0]))
        for each in self._all:
            yield each.holds(columns)

    def _narrowed(self, columns: Any, done: Filter) -> Iterator[ColumnElement[bool]]:
        for each in self._narrowing:
            if each is not done:
                yield each.holds(columns)
        if not self._order.by_time:
            yield from self._following(columns)

    def _following(self, columns: Any) -> Iterator[ColumnElement[bool]]:
        if self._after:
            yield self._order.follows(columns, self._after)
