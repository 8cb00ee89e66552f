"""What the database itself reads in the description of a change, which may be too large to fetch for it.

`catalog/model/change.py` says how descriptions are stored. On PostgreSQL, only a strict path looks at an entry as a
whole; a silent one finds nothing where a description has no entries of a kind.
"""

from typing import Any

from sqlalchemy import Boolean, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class restores(FunctionElement[bool]):  # noqa: N801 - reads as SQL does
    """True if a column describes a restoration."""

    name = "restores"
    type = Boolean()
    inherit_cache = True
    # Without this, SQLAlchemy writes `... = 1` for SQLite.
    _is_implicitly_boolean = True


class previous_name(FunctionElement[str]):  # noqa: N801
    """The name before the change that a column describes, or null if it is no rename."""

    name = "previous_name"
    type = Text()
    inherit_cache = True


@compiles(restores)
def _restores(element: restores, compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = (compiler.process(clause, **kw) for clause in element.clauses)
    entry = 'strict $.updated[*] ? (@[0] == "deleted" && @[2] == false)'
    return f"jsonb_path_exists({column}, '{entry}', '{{}}', true)"


@compiles(restores, "sqlite")
def _restores_sqlite(element: restores, compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = (compiler.process(clause, **kw) for clause in element.clauses)
    is_restored = "json_extract(entry.value, '$[0]') = 'deleted' AND NOT json_extract(entry.value, '$[2]')"
    return f"EXISTS (SELECT 1 FROM json_each({column}, '$.updated') AS entry WHERE {is_restored})"


@compiles(previous_name)
def _previous_name(element: previous_name, compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = (compiler.process(clause, **kw) for clause in element.clauses)
    entry = 'strict $.updated[*] ? (@[0] == "name")'
    return f"jsonb_path_query_first({column}, '{entry}', '{{}}', true) ->> 1"


@compiles(previous_name, "sqlite")
def _previous_name_sqlite(element: previous_name, compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = (compiler.process(clause, **kw) for clause in element.clauses)
    entries = f"json_each({column}, '$.updated') AS entry WHERE json_extract(entry.value, '$[0]') = 'name'"
    return f"(SELECT json_extract(entry.value, '$[1]') FROM {entries})"
