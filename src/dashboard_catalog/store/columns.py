"""Records: dataclasses whose fields are the columns of a table."""

import dataclasses
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy.types import TypeEngine

R = TypeVar("R")


def stored(
    type_: TypeEngine[Any] | type[TypeEngine[Any]],
    *,
    key: bool = False,
    null: bool = False,
    default: Any = ...,
) -> Any:
    """Declares a field that is a column.

    Args:
        type_: Type of the column.
        key: Whether it is part of the primary key, in the order of declaration.
        null: Whether it may be null; then None is its default.
        default: Value of a new record; for a mutable value, the function that makes it.
    """
    metadata = {"type": type_, "key": key, "null": null}
    if null:
        return dataclasses.field(default=None, metadata=metadata)
    if default is ...:
        return dataclasses.field(metadata=metadata)
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def column_names(record: type[Any]) -> tuple[str, ...]:
    """Returns the names of a record's columns, in their order."""
    return tuple(field.name for field in dataclasses.fields(record))


def row_of(record: type[R]) -> Callable[[R], tuple[Any, ...]]:
    """Returns the function that turns a record into the tuple of its columns."""
    return attrgetter(*column_names(record))


def record_maker(record: type[R]) -> Callable[[Sequence[Any]], R]:
    """Returns the function that turns a row, which holds the columns in order, into a record."""
    # Generates code, as `dataclasses` does for `__init__`: a loop over the columns takes ten times as long.
    targets = ", ".join(f"made.{name}" for name in column_names(record))
    scope: dict[str, Any] = {"record": record, "blank": object.__new__}
    exec(f"def make(row):\n made = blank(record)\n {targets}, = row\n return made", scope)  # noqa: S102 - of column names
    make: Callable[[Sequence[Any]], R] = scope["make"]
    return make


def named_row(record: type[R]) -> Callable[[R], dict[str, Any]]:
    """Returns the function that turns a record into its columns by name."""
    names, values = column_names(record), row_of(record)
    return lambda given: dict(zip(names, values(given), strict=True))
