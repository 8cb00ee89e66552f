"""Column types and conditions that mean the same on PostgreSQL and SQLite.

Lists of ids and texts are arrays on PostgreSQL and JSON texts on SQLite. `any_of` and `overlaps` search them, on each
database in the form that its indexes serve.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any
from uuid import UUID

from asyncpg.pgproto import pgproto
from sqlalchemy import CHAR, JSON, Boolean, ColumnElement, DateTime, Dialect, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine, UserDefinedType


class AsText(TypeDecorator[Any]):
    """A type that SQLite stores as text.

    Attributes:
        write: Converts a value to text.
        read: Converts text to a value.
    """

    impl: type[TypeEngine[Any]] = Text
    cache_ok = True
    write: Callable[[Any], str]
    read: Callable[[str], Any]

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Returns the text to store."""
        return None if value is None else self.write(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Returns the value of a stored text."""
        return None if value is None else self.read(value)


class _UuidAsHex(AsText):
    """A UUID as its hex form.

    Reading returns asyncpg's subclass of `uuid.UUID`, as it does on PostgreSQL. Making and printing one is several
    times as fast.
    """

    impl = CHAR
    write = attrgetter("hex")
    read = pgproto.UUID


def _hexes(value: list[UUID]) -> str:
    return '["' + '","'.join([item.hex for item in value]) + '"]' if value else "[]"


# Many assets have the same owners or the same tags.
@lru_cache(maxsize=4096)
def _uuids_once(value: str) -> tuple[UUID, ...]:
    # Reads only the form that `_hexes` writes. Parsing it as JSON takes three times as long.
    return tuple([pgproto.UUID(item) for item in value[2:-2].split('","')]) if value != "[]" else ()


def _uuids(value: str) -> list[UUID]:
    return list(_uuids_once(value))


class _UuidsAsJson(AsText):
    """A list of UUIDs as a JSON text of their hex forms."""

    write = staticmethod(_hexes)
    read = staticmethod(_uuids)


class _TextsAsJson(AsText):
    """A list of texts as a JSON text."""

    write = staticmethod(partial(json.dumps, ensure_ascii=False))
    read = staticmethod(json.loads)


class _Datetime(UserDefinedType[str]):
    """A text in a column whose type in SQLite is the one that SQLAlchemy uses for `DateTime`."""

    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "DATETIME"


# Everything that a batch writes has the same time.
@lru_cache(maxsize=256)
def _utc_text(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@lru_cache(maxsize=256)
def _utc(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


class _UtcText(AsText):
    """An aware datetime as a sortable text, in UTC."""

    impl = _Datetime
    write = staticmethod(_utc_text)
    read = staticmethod(_utc)


ID = Uuid().with_variant(_UuidAsHex(32), "sqlite")
UUID_LIST = ARRAY(Uuid()).with_variant(_UuidsAsJson(), "sqlite")
TEXT_LIST = ARRAY(Text()).with_variant(_TextsAsJson(), "sqlite")
TIMESTAMP = DateTime(timezone=True).with_variant(_UtcText(), "sqlite")
DOCUMENT = JSONB(none_as_null=True).with_variant(JSON(none_as_null=True), "sqlite")
# Compares byte for byte on both databases, which pages and prefixes rely on.
KEY_TEXT = Text(collation="C").with_variant(Text(), "sqlite")


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


class overlaps(_Condition):  # noqa: N801
    """True if a list column shares an element with a bound list."""

    name = "overlaps"
    inherit_cache = True


class has_key(_Condition):  # noqa: N801
    """True if a document column has a top-level key."""

    name = "has_key"
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


@compiles(has_key)
def _has_key(element: has_key, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = _operands(element, compiler, **kw)
    return f"{column} ? {key}"


@compiles(has_key, "sqlite")
def _has_key_sqlite(element: has_key, compiler: SQLCompiler, **kw: Any) -> str:
    column, key = _operands(element, compiler, **kw)
    return f"EXISTS (SELECT 1 FROM json_each({column}) AS held WHERE held.key = {key})"
