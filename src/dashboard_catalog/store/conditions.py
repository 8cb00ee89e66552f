"""Conditions that mean the same on PostgreSQL and SQLite, on each in a form that its indexes serve."""

from typing import Any

from sqlalchemy import ARRAY, Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_LAST_CHARACTER = "\U0010ffff"


def begins_with(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Returns the condition that a `KEY_TEXT` column begins with a prefix, as a range that an index can serve."""
    head = prefix.rstrip(_LAST_CHARACTER)
    if not head:
        return column >= prefix
    following = ord(head[-1]) + 1
    # Skips the surrogates, which are not characters.
    end = head[:-1] + chr(0xE000 if following == 0xD800 else following)
    return (column >= prefix) & (column < end)


class _Condition(FunctionElement[bool]):
    type = Boolean()
    # Without this, SQLAlchemy writes `... = 1` for SQLite, and no index can serve that comparison.
    _is_implicitly_boolean = True


class any_of(_Condition):  # noqa: N801 - reads as SQL does
    """True if a column equals an element of a bound list: `any_of(column, bindparam(..., type_=UUID_LIST))`."""

    name = "any_of"
    inherit_cache = True


class any_pair_of(_Condition):  # noqa: N801
    """True if two columns equal the elements in one place of two bound lists, of ids and of whole numbers."""

    name = "any_pair_of"
    inherit_cache = True


class is_missing(_Condition):  # noqa: N801
    """True if a column is null, or an empty list if it holds lists."""

    name = "is_missing"
    inherit_cache = True


class overlaps(_Condition):  # noqa: N801
    """True if a list column shares an element with a bound list."""

    name = "overlaps"
    inherit_cache = True


class holds(_Condition):  # noqa: N801
    """True if a list column of ids holds a bound id. No index serves it."""

    name = "holds"
    inherit_cache = True


class has_key(_Condition):  # noqa: N801
    """True if a document column has a top-level key."""

    name = "has_key"
    inherit_cache = True


class is_positive(_Condition):  # noqa: N801
    """True of each row, since the column is always positive. It says which index the statement is meant for.

    PostgreSQL uses some indexes only for statements with such a condition: those of `tables` that begin with the BI
    service.
    """

    name = "is_positive"
    inherit_cache = True


class same_text(_Condition):  # noqa: N801
    """True if a text equals a bound text, whichever of the letters from A to Z are capital. Others must be equal."""

    name = "same_text"
    inherit_cache = True


def _operands(element: FunctionElement[Any], compiler: SQLCompiler, **kw: Any) -> list[str]:
    return [compiler.process(clause, **kw) for clause in element.clauses]


@compiles(any_of)
def _any_of(element: any_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = _operands(element, compiler, **kw)
    return f"{column} = ANY ({values})"


@compiles(any_of, "sqlite")
def _any_of_sqlite(element: any_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = _operands(element, compiler, **kw)
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(is_missing)
def _is_missing(element: is_missing, compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = element.clauses
    return f"{compiler.process(column, **kw)} {nothing_in(column, compiler.dialect.name)}"


def nothing_in(column: Any, dialect: str) -> str:
    """Returns the comparison that says that a column is null or an empty list, without the column."""
    if not isinstance(column.type, ARRAY):
        return "IS NULL"
    return "= '{}'" if dialect == "postgresql" else "= '[]'"


@compiles(any_pair_of)
def _any_pair_of(element: any_pair_of, compiler: SQLCompiler, **kw: Any) -> str:
    one, other, ids, numbers = _operands(element, compiler, **kw)
    return f"({one}, {other}) IN (SELECT * FROM unnest({ids}, {numbers}))"


@compiles(any_pair_of, "sqlite")
def _any_pair_of_sqlite(element: any_pair_of, compiler: SQLCompiler, **kw: Any) -> str:
    one, other, ids, numbers = _operands(element, compiler, **kw)
    number = f"json_extract({numbers}, '$[' || id.key || ']')"
    return f"({one}, {other}) IN (SELECT id.value, {number} FROM json_each({ids}) AS id)"


@compiles(overlaps)
def _overlaps(element: overlaps, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = _operands(element, compiler, **kw)
    return f"{column} && {values}"


@compiles(overlaps, "sqlite")
def _overlaps_sqlite(element: overlaps, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = _operands(element, compiler, **kw)
    return (
        f"EXISTS (SELECT 1 FROM json_each({column}) AS held"
        f" WHERE held.value IN (SELECT value FROM json_each({values})))"
    )


@compiles(holds)
def _holds(element: holds, compiler: SQLCompiler, **kw: Any) -> str:
    column, value = _operands(element, compiler, **kw)
    return f"{value} = ANY ({column})"


@compiles(holds, "sqlite")
def _holds_sqlite(element: holds, compiler: SQLCompiler, **kw: Any) -> str:
    column, value = _operands(element, compiler, **kw)
    # The ids are all as long, and parsing the list as JSON takes five times as long.
    return f"instr({column}, {value})"


@compiles(is_positive)
def _is_positive(element: is_positive, compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = _operands(element, compiler, **kw)
    return f"{column} > 0"


@compiles(is_positive, "sqlite")
def _is_positive_sqlite(*_: object, **__: object) -> str:
    # Another lower bound could take the place of the one that a range has.
    return "1"


@compiles(has_key)
def _has_key(element: has_key, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = _operands(element, compiler, **kw)
    return f"{column} ? {key}"


@compiles(has_key, "sqlite")
def _has_key_sqlite(element: has_key, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = _operands(element, compiler, **kw)
    return f"EXISTS (SELECT 1 FROM json_each({column}) AS held WHERE held.key = {key})"


@compiles(same_text)
def _same_text(element: same_text, compiler: SQLCompiler, **kw: Any) -> str:
    one, other = _operands(element, compiler, **kw)
    # With this collation, PostgreSQL lowers the same letters as SQLite.
    return f"""lower(({one}) COLLATE "C") = lower({other} COLLATE "C")"""


@compiles(same_text, "sqlite")
def _same_text_sqlite(element: same_text, compiler: SQLCompiler, **kw: Any) -> str:
    one, other = _operands(element, compiler, **kw)
    return f"lower({one}) = lower({other})"
