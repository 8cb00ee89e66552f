"""Reads rows without their large values, so that a page of any rows takes little memory.

Each row says how much it lacks. Whoever shows it reads it again as a whole, together with as many others as there is
room for. The rows of most pages lack nothing.
"""

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Select, Table, literal_column, null

from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.large_values import missing_bytes, unless_large
from dashboard_catalog.store.rows import Reader

R = TypeVar("R")


class Partial(NamedTuple, Generic[R]):
    """A row that may lack its large values.

    Attributes:
        record: The row; a missing value is None.
        missing: About the memory that the missing values take, in bytes; 0 if the row is whole.
    """

    record: R
    missing: int


class PartialReader(Generic[R]):
    """Reads rows of one table without their large values.

    Args:
        table: Has the columns of the record, in their order.
        make: Makes a record of the values of its columns.
        large: The columns whose values may be large.
    """

    def __init__(self, table: Table, make: Callable[[Any], R], large: Collection[str]) -> None:
        self._table = table
        self._large = large
        missing: ColumnElement[int] = literal_column("0")
        self._reader = Reader([*table.c, missing], lambda row: Partial(make(row[:-1]), row[-1]))
        self._of_table = cache(lambda without: self._columns(table.c, without))

    def columns(self, columns: Any, without: frozenset[str] = frozenset()) -> Sequence[ColumnElement[Any]]:
        """Returns what a statement selects, from the columns of the table or of a subquery of whole rows.

        Args:
            without: Columns that nobody wants; they are null, and nothing of them is missing.
        """
        return self._of_table(without) if columns is self._table.c else self._columns(columns, without)

    def whole_columns(self, without: Collection[str]) -> list[ColumnElement[Any]]:
        """Returns what a statement selects to read whole rows, except columns that nobody wants."""
        return [null().label(column.name) if column.name in without else column for column in self._table.c]

    async def all(
        self,
        connection: ReadConnection,
        statement: Select[Any] | FixedStatement,
        parameters: dict[str, Any] | None = None,
    ) -> list[Partial[R]]:
        """Returns the rows of a statement that selects `columns`."""
        return await self._reader.all(connection, statement, parameters)

    def _columns(self, columns: Any, without: frozenset[str]) -> list[ColumnElement[Any]]:
        large = [column for column in columns if column.name in self._large and column.name not in without]
        shown: list[ColumnElement[Any]] = [
            null().label(column.name) if column.name in without else unless_large(column) if column in large else column
            for column in columns
        ]
        return [*shown, missing_bytes(*large)]
