"""Converts whole rows between the drivers' values and ours.

SQLAlchemy handles every value of every row several times. Here, one generated function per set of columns converts a
row at once, and leaves alone the values that are the same on both sides.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import ARRAY, Boolean, ColumnElement, Dialect, LargeBinary, Select
from sqlalchemy.types import TypeEngine

from dashboard_catalog.store.column_types import AsText
from dashboard_catalog.store.connections import ReadConnection

R = TypeVar("R")
Row = tuple[Any, ...]
Convert = Callable[[Any], Any]

# Both drivers accept their values unchanged.
_UNCHANGED = (ARRAY, Boolean, LargeBinary)


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
        self, connection: ReadConnection, statement: Select[Any], parameters: dict[str, Any] | None = None
    ) -> list[R]:
        """Returns the results for all rows of a statement."""
        result: Any = await connection.execute(statement, parameters)
        rows = result.cursor.fetchall()
        result.close()
        for step in (self._converter(connection.dialect), self._make):
            rows = map(step, rows) if step else rows
        return list(rows)

    def _converter(self, dialect: Dialect) -> Callable[[Any], Row] | None:
        if dialect.name not in self._converters:
            self._converters[dialect.name] = _row_converter(self._types, dialect)
        return self._converters[dialect.name]


def row_writer(fields: Sequence[str], types: Iterable[TypeEngine[Any]], dialect: Dialect) -> Callable[[Any], Row]:
    """Returns the function that turns a record into the tuple of values that a driver accepts.

    Args:
        fields: Names of the record's fields, in the order of the tuple.
        types: Types of their columns.
        dialect: Dialect of the driver.
    """
    return _generated([_writer(type_.dialect_impl(dialect), dialect) for type_ in types], fields=fields)


def _row_converter(types: Iterable[TypeEngine[Any]], dialect: Dialect) -> Callable[[Any], Row] | None:
    if dialect.name == "postgresql":
        # asyncpg returns the values that we want.
        return None
    return _generated([_reader(type_.dialect_impl(dialect), dialect) for type_ in types])


def _writer(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if isinstance(type_, AsText):
        return type_.write
    return None if isinstance(type_, _UNCHANGED) else type_.bind_processor(dialect)


def _reader(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if isinstance(type_, AsText):
        return type_.read
    return None if isinstance(type_, LargeBinary) else type_.result_processor(dialect, None)


def _generated(converters: Sequence[Convert | None], fields: Sequence[str] = ()) -> Callable[[Any], Row]:
    """Returns a function that converts the values of a row, or of some fields of a record, and leaves None alone."""
    # Generates code, as `dataclasses` does for `__init__`: a loop over the values takes several times as long.
    names = [f"value_{place}" for place in range(len(converters))]
    taken = "".join(f"given.{field}, " for field in fields) or "given"
    made = [
        f"None if {name} is None else convert_{name}({name})" if convert else name
        for name, convert in zip(names, converters, strict=True)
    ]
    scope: dict[str, Any] = {f"convert_{name}": convert for name, convert in zip(names, converters, strict=True)}
    exec(  # noqa: S102 - of names of columns
        f"def converted(given):\n {', '.join(names)}, = {taken}\n return {', '.join(made)},", scope
    )
    converted: Callable[[Any], Row] = scope["converted"]
    return converted
