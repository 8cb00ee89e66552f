"""How a statement reads rows without their large values, and learns how much is missing.

Each construct is one element for SQLAlchemy, because it looks at every element of every statement.
"""

from collections.abc import Iterator
from sqlite3 import sqlite_version_info
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

MAX_VALUE_BYTES = 2_000
"""Size of a value that is read with its row. PostgreSQL stores larger ones apart from their rows."""

# How much larger a document can be than it is stored. Few texts compress better.
_COMPRESSED = 20
# SQLite stores an id of a list in this many bytes. In memory it takes more: most ids are shown with names.
_STORED_ID_BYTES, _ID_BYTES = 35, 250
_HAS_OCTET_LENGTH = sqlite_version_info >= (3, 43)


class unless_large(FunctionElement[Any]):  # noqa: N801 - reads as SQL does
    """A text, document or list column, or null where its value is large."""

    name = "unless_large"
    inherit_cache = True


class missing_bytes(FunctionElement[int]):  # noqa: N801
    """About the memory that the large values of some columns take, never much too little; 0 if there are none."""

    name = "missing_bytes"
    type = Integer()
    inherit_cache = True


@compiles(unless_large)
def _unless_large(element: unless_large, compiler: SQLCompiler, **kw: Any) -> str:
    ((column, size, _),) = _sizes(element, compiler, **kw)
    return f"CASE WHEN {size} <= {MAX_VALUE_BYTES} THEN {column} END"


@compiles(missing_bytes)
def _missing_bytes(element: missing_bytes, compiler: SQLCompiler, **kw: Any) -> str:
    sizes = _sizes(element, compiler, **kw)
    each = [f"CASE WHEN {size} > {MAX_VALUE_BYTES} THEN {size} * {factor} ELSE 0 END" for _, size, factor in sizes]
    return " + ".join(each) or "0"


def _sizes(element: FunctionElement[Any], compiler: SQLCompiler, **kw: Any) -> Iterator[tuple[str, str, str]]:
    """Yields the SQL of each column, of the stored size of its value, and of what to multiply that with in memory."""
    size = _size_on_sqlite if compiler.dialect.name == "sqlite" else _size_on_postgresql
    for column in element.clauses:
        sql = compiler.process(column, **kw)
        yield sql, *size(column, sql)


# These do not read a value that is stored apart from its row, except on SQLite before version 3.43.


def _size_on_postgresql(column: ColumnElement[Any], sql: str) -> tuple[str, str]:
    if isinstance(column.type, JSONB):
        factor = f"CASE WHEN pg_column_compression({sql}) IS NULL THEN 1 ELSE {_COMPRESSED} END"
        return f"pg_column_size({sql}) * {factor}", "1"
    if isinstance(column.type, ARRAY):
        return f"cardinality({sql}) * {_STORED_ID_BYTES}", f"{_ID_BYTES // _STORED_ID_BYTES}"
    return f"octet_length({sql})", "1"


def _size_on_sqlite(column: ColumnElement[Any], sql: str) -> tuple[str, str]:
    size = f"octet_length({sql})" if _HAS_OCTET_LENGTH else f"length(CAST({sql} AS BLOB))"
    return size, f"{_ID_BYTES // _STORED_ID_BYTES}" if isinstance(column.type, ARRAY) else "1"
