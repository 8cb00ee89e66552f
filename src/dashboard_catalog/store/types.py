"""Column types and conditions that mean the same on PostgreSQL and SQLite.

Lists of ids and texts are arrays on PostgreSQL and JSON texts on SQLite; `any_of` and `overlaps` search them on both
in the form that each can index.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from asyncpg.pgproto import pgproto
from sqlalchemy import CHAR, JSON, Boolean, ColumnElement, DateTime, Dialect, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _UuidAsHex(TypeDecorator[UUID]):
    """A UUID as its hex form, for SQLite.

    It is read as asyncpg's subclass of `uuid.UUID`, as from PostgreSQL: several times as fast to make and to print.
    """

    impl = CHAR(32)
    cache_ok = True

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> str | None:
        return None if value is None else value.hex

    def process_result_value(self, value: str | None, dialect: Dialect) -> UUID | None:
        return None if value is None else pgproto.UUID(value)


class _UuidsAsJson(TypeDecorator[list[UUID]]):
    """A list of UUIDs as a JSON text of their hex forms, for SQLite."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[UUID] | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return '["' + '","'.join([item.hex for item in value]) + '"]' if value else "[]"

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[UUID] | None:
        return None if value is None else [pgproto.UUID(item) for item in json.loads(value)]


class _TextsAsJson(TypeDecorator[list[str]]):
    """A list of texts as a JSON text, for SQLite."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[str] | None:
        return None if value is None else json.loads(value)


class _UtcText(TypeDecorator[datetime]):
    """An aware UTC datetime as a sortable text, for SQLite."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


ID = Uuid().with_variant(_UuidAsHex(), "sqlite")
UUID_LIST = ARRAY(Uuid()).with_variant(_UuidsAsJson(), "sqlite")
TEXT_LIST = ARRAY(Text()).with_variant(_TextsAsJson(), "sqlite")
TIMESTAMP = DateTime(timezone=True).with_variant(_UtcText(), "sqlite")
DOCUMENT = JSONB(none_as_null=True).with_variant(JSON(none_as_null=True), "sqlite")
# Binary order on both databases, so that pages and prefixes compare byte for byte.
KEY_TEXT = Text(collation="C").with_variant(Text(), "sqlite")


_LAST_CHARACTER = "\U0010ffff"


def begins_with(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Returns the condition that a column of `KEY_TEXT` begins with a prefix, as a range that its index serves."""
    head = prefix.rstrip(_LAST_CHARACTER)
    if not head:
        return column >= prefix
    following = ord(head[-1]) + 1
    # Surrogates are no characters.
    end = head[:-1] + chr(0xE000 if following == 0xD800 else following)
    return (column >= prefix) & (column < end)


class _Condition(FunctionElement[bool]):
    type = Boolean()
    # Else SQLAlchemy would write `... = 1` for SQLite, and what is compared so no index serves.
    _is_implicitly_boolean = True


class any_of(_Condition):  # noqa: N801 - reads as SQL does
    """True where a column equals one of a bound list: `any_of(column, bindparam(..., type_=UUID_LIST))`."""

    name = "any_of"
    inherit_cache = True


class overlaps(_Condition):  # noqa: N801
    """True where a list column shares an element with a bound list."""

    name = "overlaps"
    inherit_cache = True


class has_key(_Condition):  # noqa: N801
    """True where a document column has a top-level key."""

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
