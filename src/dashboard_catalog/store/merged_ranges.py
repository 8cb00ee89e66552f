"""Reads the first keys of many sorted ranges together, such as those of all tags of a classification.

Neither database merges ranges that it finds by a list of values. So the statement looks at each range twice. The first
look takes a few keys of each, which are enough to tell where the page ends at the latest. The second look ends there,
so it finds little more than the page, however many ranges there are.

A distributed database cannot run the statement for several values: it joins the values with limited subqueries.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, column, func, literal_column, select, true

from dashboard_catalog.store.column_types import ID, UUID_LIST
from dashboard_catalog.store.list_order import ListOrder

Range = Callable[[ColumnElement[Any]], Select[Any]]
"""Returns the statement for the keys of one value: columns of the table, among them those of the order."""


def first_keys(dialect: str, values: Sequence[UUID], range_of: Range, order: ListOrder, limit: int) -> Select[Any]:
    """Returns the statement for the first keys of all ranges, without duplicates and in no order.

    Args:
        dialect: `postgresql` or `sqlite`.
        values: What the ranges are of, several.
        range_of: Returns the range of a value.
        order: The order of the keys.
        limit: Number of keys in a page.
    """
    ids = bindparam(None, list(values), UUID_LIST)
    of_each = _of_each_on_postgresql if dialect == "postgresql" else _of_each_on_sqlite

    def ordered(keys: Select[Any], most: int) -> Select[Any]:
        return keys.order_by(*order.columns(keys.selected_columns)).limit(most)

    few = of_each(ids, lambda value: ordered(range_of(value), limit // len(values) + 2))

    def until_full(value: ColumnElement[Any]) -> Select[Any]:
        keys = range_of(value)
        return ordered(keys.where(order.is_until(keys.selected_columns, few, limit)), limit)

    return of_each(ids, until_full)


def _of_each_on_postgresql(ids: ColumnElement[Any], range_of: Range) -> Select[Any]:
    one = func.unnest(ids).table_valued(column("id", ID)).render_derived()
    keys = range_of(one.c.id).lateral()
    return select(*keys.c).select_from(one.join(keys, true())).distinct()


def _of_each_on_sqlite(ids: ColumnElement[Any], range_of: Range) -> Select[Any]:
    # Only the parameter of a function can refer to the row beside it, so the keys pass through JSON.
    one = func.json_each(ids).table_valued("value")
    keys = range_of(one.c.value).correlate(one).subquery()
    listed = select(func.json_group_array(func.json_array(*keys.c))).scalar_subquery()
    rows = func.json_each(listed).table_valued("value")
    columns = [
        func.json_extract(rows.c.value, literal_column(f"'$[{place}]'")).label(key.name)
        for place, key in enumerate(keys.c)
    ]
    return select(*columns).select_from(one.join(rows, true())).distinct()
