"""Finds the matches among the next rows of a list, without an index that finds them.

The rows are read in the order of the list, from one sorted range or merged from several, and only up to a number.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, UnaryExpression, select, union_all
from sqlalchemy.sql.operators import custom_op

from dashboard_catalog.store.list_order import ListOrder

Conditions = Sequence[ColumnElement[bool]]


def merged(statements: Sequence[Select[Any]], order: ListOrder) -> Any:
    """Returns the statement for the rows of several statements, in the order of a list."""
    rows = _together(statements)
    return rows.order_by(*order.columns(rows.selected_columns))


def matching_next(
    table: Table,
    ranges: Sequence[Conditions],
    order: ListOrder,
    count: int,
    *,
    shown: Callable[[Any], Sequence[ColumnElement[Any]]],
    matching: Callable[[Any], Iterable[ColumnElement[bool]]],
) -> Any:
    """Returns the statement for PostgreSQL, in the order of the list.

    Args:
        table: Holds the rows.
        ranges: The conditions of each range, which an index holds in the order of the list.
        order: Of the list.
        count: How many of the next rows to read.
        shown: Returns what to select, from the columns of a row.
        matching: Returns the conditions on a row.
    """
    rows = merged([select(*table.c).where(*each) for each in ranges], order).limit(count).subquery()
    return select(*shown(rows.c)).where(*matching(rows.c)).order_by(*order.columns(rows.c))


def matching_next_on_sqlite(
    table: Table,
    ranges: Sequence[Conditions],
    order: ListOrder,
    count: int,
    *,
    shown: Callable[[Any], Sequence[ColumnElement[Any]]],
    matching: Callable[[Any], Iterable[ColumnElement[bool]]],
) -> Any:
    """Returns the statement for SQLite, with the same arguments.

    SQLite would read all rows of a limited subquery, also if the first ones fill the page. So this statement finds the
    last of them in the index first.
    """
    c = table.c
    until = order.is_until(c, _together([select(*order.keys(c)).where(*each) for each in ranges]), count)
    # Otherwise SQLite would read an index that a condition can use.
    conditions = list(matching(_Unindexed(c)))
    return merged([select(*shown(c)).where(*each, until, *conditions) for each in ranges], order)


def _together(statements: Sequence[Select[Any]]) -> Any:
    return statements[0] if len(statements) == 1 else union_all(*statements)


class _Unindexed:
    """The columns of a table, in a form that no index of SQLite serves."""

    def __init__(self, columns: Any) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        column = self._columns[name]
        return UnaryExpression(column, operator=custom_op("+"), type_=column.type)

    def __getattr__(self, name: str) -> ColumnElement[Any]:
        return self[name]
