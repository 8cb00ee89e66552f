"""Generated functions that convert whole rows and parameters between the drivers' values and ours.

SQLAlchemy handles every value of every row several times. Here, one function per set of columns converts a row at once,
and leaves alone the values that are the same on both sides.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, BindParameter, Boolean, Dialect, LargeBinary
from sqlalchemy.types import TypeEngine

from dashboard_catalog.store.column_types import AsText

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]

# Both drivers accept their values unchanged.
_UNCHANGED = (ARRAY, Boolean, LargeBinary)


def row_converter(types: Iterable[TypeEngine[Any]], dialect: Dialect) -> Callable[[Any], Row] | None:
    """Returns the function that turns a row of a driver into ours, or None if they are the same."""
    if dialect.name == "postgresql":
        # asyncpg returns the values that we want.
        return None
    return _generated("given", [_reader(type_.dialect_impl(dialect), dialect) for type_ in types])


def row_writer(fields: Sequence[str], types: Iterable[TypeEngine[Any]], dialect: Dialect) -> Callable[[Any], Row]:
    """Returns the function that turns a record into the tuple of values that a driver accepts.

    Args:
        fields: Names of the record's fields, in the order of the tuple.
        types: Types of their columns.
        dialect: Dialect of the driver.
    """
    taken = "".join(f"given.{field}, " for field in fields) or "given"
    return _generated(taken, [_writer(type_.dialect_impl(dialect), dialect) for type_ in types])


def parameter_writer(parameters: Sequence[BindParameter[Any]], dialect: Dialect) -> Callable[[Any], Row]:
    """Returns the function that turns a mapping of parameters into the tuple of values that a driver accepts.

    Args:
        parameters: In the order of the tuple. One that has a value of its own keeps it.
        dialect: Dialect of the driver.
    """
    if not parameters:
        return lambda _: ()
    own = {f"own_{place}": parameter.effective_value for place, parameter in enumerate(parameters)}
    taken = "".join(
        f"given[{parameter.key!r}], " if parameter.required else f"{name}, "
        for name, parameter in zip(own, parameters, strict=True)
    )
    return _generated(taken, [_writer(one.type.dialect_impl(dialect), dialect) for one in parameters], own)


def _writer(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if isinstance(type_, AsText):
        return type_.write
    return None if isinstance(type_, _UNCHANGED) else type_.bind_processor(dialect)


def _reader(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if isinstance(type_, AsText):
        return type_.read
    return None if isinstance(type_, LargeBinary) else type_.result_processor(dialect, None)


def _generated(
    taken: str, converters: Sequence[Convert | None], scope: Mapping[str, Any] | None = None
) -> Callable[[Any], Row]:
    """Returns a function that converts values and leaves None alone.

    Args:
        taken: The expression for the values, which the function takes from what it is `given`.
        converters: What converts each of them.
        scope: What else the expression needs.
    """
    # Generates code, as `dataclasses` does for `__init__`: a loop over the values takes several times as long.
    names = [f"value_{place}" for place in range(len(converters))]
    made = [
        f"None if {name} is None else convert_{name}({name})" if convert else name
        for name, convert in zip(names, converters, strict=True)
    ]
    known: dict[str, Any] = {f"convert_{name}": convert for name, convert in zip(names, converters, strict=True)}
    known |= scope or {}
    exec(  # noqa: S102 - of names of columns and parameters
        f"def converted(given):\n {', '.join(names)}, = {taken}\n return {', '.join(made)},", known
    )
    converted: Callable[[Any], Row] = known["converted"]
    return converted
