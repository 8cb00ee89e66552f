"""Takes rows from the drivers as they are, and converts the values that differ.

SQLAlchemy looks at every value of every row several times. Here a function that is written out for the columns makes
a tuple of what a driver takes, or of what it has answered.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import ARRAY, Boolean, ColumnElement, Dialect, LargeBinary, Select
from sqlalchemy.types import TypeEngine

from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.types import AsText

R = TypeVar("R")
Row = tuple[Any, ...]
Convert = Callable[[Any], Any]

# Both drivers take them as they are.
_TAKEN = (ARRAY, Boolean, LargeBinary)


class Reader(Generic[R]):
    """Makes something of each row that a statement finds.

    Args:
        columns: What the statements select.
        make: Makes it of the columns' values; by default they are returned as they are, in order.
    """

    def __init__(self, columns: Iterable[ColumnElement[Any]], make: Callable[[Any], R] | None = None) -> None:
        self._types = [column.type for column in columns]
        self._make = make
        self._converters: dict[str, Callable[[Any], Row] | None] = {}

    async def all(
        self, connection: ReadConnection, statement: Select[Any], parameters: dict[str, Any] | None = None
    ) -> list[R]:
        """Returns what is made of all rows of a statement."""
        result: Any = await connection.execute(statement, parameters)
        rows = result.cursor.fetchall()
        result.close()
        for step in (self._converter(connection.dialect), self._make):
            rows = map(step, rows) if step else rows
        return list(rows)

    def _converter(self, dialect: Dialect) -> Callable[[Any], Row] | None:
        if dialect.name not in self._converters:
            self._converters[dialect.name] = _reading(self._types, dialect)
        return self._converters[dialect.name]


def writing(fields: Sequence[str], types: Iterable[TypeEngine[Any]], dialect: Dialect) -> Callable[[Any], Row]:
    """Returns the function that makes of a record the tuple that a driver takes.

    Args:
        fields: Those of the record, in the order of the tuple.
        types: Of the columns that they go to.
        dialect: The driver's.
    """
    return _written_out([_writer(type_.dialect_impl(dialect), dialect) for type_ in types], fields=fields)


def _reading(types: Iterable[TypeEngine[Any]], dialect: Dialect) -> Callable[[Any], Row] | None:
    if dialect.name == "postgresql":
        # asyncpg answers with what is wanted.
        return None
    return _written_out([_reader(type_.dialect_impl(dialect), dialect) for type_ in types])


def _writer(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if isinstance(type_, AsText):
        return type_.write
    return None if isinstance(type_, _TAKEN) else type_.bind_processor(dialect)


def _reader(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if isinstance(type_, AsText):
        return type_.read
    return None if isinstance(type_, LargeBinary) else type_.result_processor(dialect, None)


def _written_out(converters: Sequence[Convert | None], fields: Sequence[str] = ()) -> Callable[[Any], Row]:
    """Returns the function that converts each value that is not None of a row, or of these fields of a record."""
    # Written out, as `dataclasses` writes `__init__`: a loop over the values takes several times as long.
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
