"""Column types that hold the same values on PostgreSQL and SQLite.

Lists of ids and texts are arrays on PostgreSQL and JSON texts on SQLite.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any
from uuid import UUID

from asyncpg.pgproto import pgproto
from sqlalchemy import CHAR, JSON, BigInteger, DateTime, Dialect, Integer, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine, UserDefinedType

uuid_of: Callable[[str | bytes], UUID] = pgproto.UUID
"""Returns the UUID of 16 bytes or of a text: asyncpg's subclass, which is made and printed several times as fast."""


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


class _ListAsJson(AsText):
    """A list of texts or numbers as a JSON text."""

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
NUMBER_LIST = ARRAY(BigInteger()).with_variant(_ListAsJson(), "sqlite")
INTEGER_LIST = ARRAY(Integer()).with_variant(_ListAsJson(), "sqlite")
TEXT_LIST = ARRAY(Text()).with_variant(_ListAsJson(), "sqlite")
TIMESTAMP = DateTime(timezone=True).with_variant(_UtcText(), "sqlite")
DOCUMENT = JSONB(none_as_null=True).with_variant(JSON(none_as_null=True), "sqlite")
# Compares byte for byte on both databases, which pages and prefixes rely on.
KEY_TEXT = Text(collation="C").with_variant(Text(), "sqlite")
