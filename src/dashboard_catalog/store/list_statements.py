"""The statements that read a page of assets, without large values. `list_pages` chooses among them.

Some conditions are written in a form that no index serves, so that the planner reads the index that the page needs.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    func,
    intersect,
    literal_column,
    select,
    union_all,
)

from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.column_types import UUID_LIST
from dashboard_catalog.store.conditions import any_of, is_positive
from dashboard_catalog.store.list_filters import (
    Filter,
    ListFilters,
    any_asset,
    boolean,
    finding_filters,
    narrowing_filters,
)
from dashboard_catalog.store.list_order import ListOrder, Position
from dashboard_catalog.store.merged_ranges import first_keys
from dashboard_catalog.store.next_rows import matching_next, matching_next_on_sqlite, merged
from dashboard_catalog.store.tables import ENTITY

# A statement that merges more ranges takes long to plan.
_MOST_RANGES = 16


class ListStatements:
    """The statements for one page.

    Args:
        dialect: `postgresql` or `sqlite`.
        after: The last asset of the previous page; None for the first page.
        without: Columns that nobody wants.
        merges: Whether to merge the ranges of many values instead of sorting all that is in them.
    """

    def __init__(
        self,
        dialect: str,
        table: AssetTable[Any],
        filters: ListFilters,
        order: ListOrder,
        *,
        after: Position | None = None,
        without: frozenset[str] = frozenset(),
        merges: bool = True,
    ) -> None:
        self._dialect = dialect
        self._table = table
        self._columns = table.table.c
        self._deleted = filters.deleted
        self._services = filters.services
        self._order = order
        self._after = after
        self._without = without
        self._merges = merges
        self._finding = finding_filters(table, dialect, filters)
        self._narrowing = narrowing_filters(table, filters)
        self._all = [*self._finding, *self._narrowing]
        self._of_time = [each for each in self._finding if each.by_time]
        self._times = () if filters.updated_by else tuple(each.condition(self._columns) for each in self._of_time)

    @property
    def needs_sizes(self) -> bool:
        """Whether the list is more than one sorted range. Then it pays to ask how much each filter finds."""
        if self._order.by_time:
            return not (self._is_of_services or all(each.by_time or each.of_state for each in self._all))
        return bool(self._of_time) or (len(self._all) > 1 and bool(self._finding))

    @property
    def _is_of_services(self) -> bool:
        """Whether the list is about some BI services and nothing else."""
        c = self._columns
        others = [each for each in self._all if each.column is not c.service_id and not each.of_state]
        return bool(self._services) and not others

    @property
    def merges_or_sorts(self) -> bool:
        """Whether a filter has many ranges or an order of its own, in a list by name of assets of one state."""
        # No index has both states in the order of names.
        return len(self._deleted) == 1 and any(each.by_time or len(each.values) > 1 for each in self._finding)

    def sizes(self, most: int) -> Select[Any]:
        """Returns the statement for how much each filter finds, counting up to `most`."""
        # A number instead of a parameter: the planner must know that it is small.
        found = [each.keys.limit(literal_column(str(most))).subquery() for each in self._all]
        return select(*[select(func.count()).select_from(each).scalar_subquery() for each in found])

    def found_by(self, place: int) -> Select[Any]:
        """Returns the statement for the rows that one filter finds and the others match.

        Args:
            place: Which filter, in the order of `sizes`.
        """
        keys = self._all[place].keys_once()
        # The offset fences the keys. Without it, the planner prefers to walk all rows in order until the page is full.
        rows = self._rows_of(keys.offset(0).subquery()).where(*self._after_position(self._columns))
        return rows.where(*self._conditions(self._columns)).order_by(*self._order.columns(self._columns))

    def services(self, place: int) -> Select[Any]:
        """Returns the statement for the BI services of all that a filter finds.

        Args:
            place: Which filter, in the order of `sizes`.
        """
        found = self._all[place].keys.subquery()
        return select(found.c.service_id).distinct()

    @property
    def is_of_a_time(self) -> bool:
        """Whether the list holds what was written in a span of time, by anybody."""
        return bool(self._times)

    def services_of_time(self, most: int) -> Select[Any]:
        """Returns the statement for the BI services in which anything was written in the span of time, up to `most`."""
        c, id_ = self._columns, ENTITY.c.id
        there = (is_positive(c.version), c.deleted.in_(map(boolean, self._deleted)), *self._times)
        # Neither planner joins a limited subquery, so each service is looked up by itself.
        written = select(c.service_id).where(c.service_id == id_, *there).limit(1).scalar_subquery()
        among = [any_of(id_, bindparam(None, list(self._services), UUID_LIST))] if self._services else []
        return select(id_).where(ENTITY.c.kind == "bi_service", *among, written.is_not(None)).limit(most)

    def among_next(self, count: int, limit: int, services: Sequence[UUID] = ()) -> Any:
        """Returns the statement for the first of the next `count` rows that match all filters, up to `limit`.

        Args:
            count: How many rows to read.
            limit: Maximum number of rows to return.
            services: The BI services that all matches belong to, as far as known; one if the list is by name.
        """
        known = services or (self._services if self._order.by_time else ())
        ranges = list(self._next_ranges(known or ()))
        read = matching_next if self._dialect == "postgresql" else matching_next_on_sqlite
        table = self._table.table
        found = read(table, ranges, self._order, count, shown=self._shown, matching=self._conditions)
        return found.limit(limit)

    def by_name(self, limit: int) -> Select[Any]:
        """Returns the statement for the rows of a page by name: where the ranges meet."""
        keys = self.keys(limit).subquery()
        return self._rows_of(keys).order_by(*self._order.columns(keys.c))

    def by_time(self, limit: int) -> Any:
        """Returns the statement for the rows of a page in the order of time."""
        c = self._columns
        if self._is_of_services:
            keys = self._keys_of_services(limit).subquery()
            found = select(*self._shown(c)).join(keys, c.id == keys.c.id)
            return found.order_by(*self._order.columns(keys.c))
        if not self.needs_sizes:
            rows = [select(*self._shown(c)).where(*each) for each in self._next_ranges(())]
            return merged(rows, self._order).limit(limit)
        found = self._rows_of(self.keys(None).offset(0).subquery())
        matching = found.where(*self._after_position(c), *self._conditions(c))
        return matching.order_by(*self._order.columns(c)).limit(limit)

    def keys(self, limit: int | None) -> Any:
        """Returns the statement for (name, service_id) of all assets that match, or of the first `limit` by name."""
        states = [self._keys_of_state(deleted, limit) for deleted in self._deleted]
        if len(states) == 1:
            return states[0]
        return self._first(union_all(*[select(*state.subquery().c) for state in states]), limit)

    def _keys_of_state(self, deleted: bool, limit: int | None) -> Any:
        """Returns the statement for the keys of live or of deleted assets that all filters find."""
        finding = self._finding or self._narrowing[:1] or [any_asset(self._table)]
        if len(finding) == 1 and len(finding[0].values) > 1 and limit and self._merges:
            return self._first(self._merged(finding[0], deleted, limit), limit)
        ranges = [self._range(each, deleted) for each in finding]
        if len(ranges) == 1:
            return self._first(ranges[0], limit)
        common = intersect(*ranges)
        if limit is None and self._dialect == "sqlite":
            # Without an order, SQLite copies the ranges instead of merging them; without a limit, it drops the order.
            return common.order_by(*ListOrder().columns(common.selected_columns)).limit(-1)
        return self._first(common, limit)

    def _range(self, found: Filter, deleted: bool) -> Select[Any]:
        c = found.keys_once().subquery().c
        state = self._state(found, c, deleted)
        if len(found.values) > 1 and not found.repeats:
            # The keys of several domains are sorted anyway.
            state = self._unindexed_state(c, deleted)
        return select(c.name, c.service_id).where(state, *self._narrowed(c, found))

    def _merged(self, found: Filter, deleted: bool, limit: int) -> Select[Any]:
        """Returns the statement for the first keys of all values of a filter."""
        c = found.column.table.c

        def range_of(value: ColumnElement[Any]) -> Select[Any]:
            state, narrowed = self._state(found, c, deleted), self._narrowed(c, found)
            return select(c.name, c.service_id).where(found.column == value, state, *narrowed)

        return first_keys(self._dialect, found.values, range_of, self._order, limit)

    def _keys_of_services(self, limit: int) -> Any:
        """Returns the statement for (updated_at, id) of the first `limit` by time of some BI services."""
        c, services = self._columns, list(self._services or ())

        def of_state(deleted: bool) -> Select[Any]:
            there = (is_positive(c.version), c.deleted == boolean(deleted), *self._after_position(c))
            keys = select(c.updated_at, c.id).where(*there)
            if len(services) == 1:
                return keys.where(c.service_id == services[0])
            if not self._merges:
                return keys.where(any_of(c.service_id, bindparam(None, services, UUID_LIST)))
            return first_keys(
                self._dialect, services, lambda value: keys.where(c.service_id == value), self._order, limit
            )

        states = [of_state(deleted) for deleted in self._deleted]
        return self._first(states[0] if len(states) == 1 else union_all(*states), limit)

    def _next_ranges(self, services: Sequence[UUID]) -> Iterator[list[ColumnElement[bool]]]:
        """Yields the conditions of each range of rows that an index holds in the order of the list."""
        c = self._columns
        times = [each.condition(c) for each in self._of_time] if self._order.by_time else []
        common = [*times, *self._after_position(c)]
        if services and not self._order.by_time:
            # The primary key holds the names of a service, in any state.
            yield from ([c.service_id == service_id, *common] for service_id in services)
            return
        are_merged = 0 < len(services) <= _MOST_RANGES
        by_service = is_positive(c.version)
        of_services = [[c.service_id == service_id, by_service] for service_id in services] if are_merged else [[]]
        for deleted in self._deleted:
            for of_service in of_services:
                yield [*of_service, c.deleted == boolean(deleted), *common]

    def _state(self, found: Filter, columns: Any, deleted: bool) -> Any:
        unindexed = found.column is self._columns.service_id
        return self._unindexed_state(columns, deleted) if unindexed else columns.deleted == boolean(deleted)

    def _unindexed_state(self, columns: Any, deleted: bool) -> Any:
        """Returns a condition on the state that no index serves.

        Otherwise the index by name might be walked past the names of all other assets.
        """
        return columns.deleted.is_not(boolean(not deleted))

    def _first(self, keys: Any, limit: int | None) -> Any:
        return keys if limit is None else keys.order_by(*self._order.columns(keys.selected_columns)).limit(limit)

    def _rows_of(self, keys: Any) -> Select[Any]:
        c = self._columns
        return select(*self._shown(c)).join(keys, (c.service_id == keys.c.service_id) & (c.name == keys.c.name))

    def _shown(self, columns: Any) -> Sequence[ColumnElement[Any]]:
        return self._table.partial.columns(columns, self._without)

    def _conditions(self, columns: Any) -> Iterator[ColumnElement[bool]]:
        """Yields the conditions of all filters on a row."""
        if len(self._deleted) == 1:
            # No index serves this form. One that begins with the state would be read instead of that of the order.
            yield columns.deleted.is_not(boolean(not self._deleted[0]))
        for each in self._all:
            yield each.condition(columns)

    def _narrowed(self, columns: Any, done: Filter) -> Iterator[ColumnElement[bool]]:
        """Yields the conditions that narrow a range: the filters that any index of keys serves, and the position."""
        for each in self._narrowing:
            if each is not done:
                yield each.condition(columns)
        if not self._order.by_time:
            yield from self._after_position(columns)

    def _after_position(self, columns: Any) -> Iterator[ColumnElement[bool]]:
        if self._after:
            yield self._order.is_after(columns, self._after)
