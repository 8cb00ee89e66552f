"""Reads whole rows."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Dialect, Select

from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.conversions import Row, row_converter
from dashboard_catalog.store.fixed_statements import FixedStatement

R = TypeVar("R")


class Reader(Generic[R]):
    """Reads the rows of statements that all select the same columns.

    Args:
        columns: The selected columns.
        make: Makes the result for one row from the values of its columns, in order; by default a tuple of them.
    """

    def __init__(self, columns: Iterable[ColumnElement[Any]], make: Callable[[Any], R] | None = None) -> None:
        self._types = [column.type for column in columns]
        self._make = make
        self._converters: dict[str, Callable[[Any], Row] | None] = {}

    async def all(
        self,
        connection: ReadConnection,
        statement: Select[Any] | FixedStatement,
        parameters: dict[str, Any] | None = None,
    ) -> list[R]:
        """Returns the results for all rows of a statement."""
        if isinstance(statement, FixedStatement):
            rows: Any = await connection.fetch(statement, parameters)
        else:
            result: Any = await connection.execute(statement, parameters)
            rows = result.cursor.fetchall()
            result.close()
        for step in (self._converter(connection.dialect), self._make):
            rows = map(step, rows) if step else rows
        return list(rows)

    def _converter(self, dialect: Dialect) -> Callable[[Any], Row] | None:
        if dialect.name not in self._converters:
            self._converters[dialect.name] = row_converter(self._types, dialect)
        return self._converters[dialect.name]
