"""Rows of every table, with values that are hard to carry from one kind of database to the other."""

from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, Table, Uuid, delete, insert
from sqlalchemy.dialects.postgresql import JSONB

from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.conversions import Row
from dashboard_catalog.store.copying.table_copy import copied_tables
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.rows import Reader
from dashboard_catalog.store.tables import METADATA, SERVICE_SEQUENCE

_TEXTS = ("", "plain", "quo\"te's \\ % :name", "Ünïcödé 日本語 🎉\u2028", "line\nbreak\ttab", "'; DROP TABLE chart; --")
_NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
_VALUES: dict[Any, tuple[Any, ...]] = {
    Boolean: (False, True),
    Uuid: (UUID(int=1), UUID(int=2**128 - 1)),
    BigInteger: (0, 2**62, 1),
    Integer: (1, 2**31 - 1),
    DateTime: (_NOON, _NOON + timedelta(microseconds=1), datetime(1970, 1, 1, tzinfo=UTC)),
    LargeBinary: (b"\x00\xff", b"", bytes(range(256))),
    JSONB: (
        {},
        {"b": [1, 2.5, None, True, "日本\u0001"], "a": {"deep": [[{}]], "big": 2**53, "small": -1e-9}},
        {"text": 'with "quotes" and \\'},
    ),
}


async def fill(url: str, count: int, large: int = 0) -> None:
    """Puts rows into every table of an empty database.

    Args:
        url: Of the database.
        count: Number of rows per table.
        large: Length of some descriptions.
    """
    database = Database(url)

    async def work(connection: WriteConnection) -> None:
        await connection.execute(delete(SERVICE_SEQUENCE))
        for copied in copied_tables():
            rows = [_row(copied.table, number, large) for number in range(count)]
            await connection.execute(insert(copied.table), rows)

    await database.write(work)
    await database.close()


async def contents(url: str) -> dict[str, list[Row]]:
    """Returns the rows of every table in the order of its key; of one without a key, in any fixed order."""
    database = Database(url)
    found = {}
    async with database.read() as connection:
        for table in METADATA.sorted_tables:
            reader: Reader[Row] = Reader(table.c)
            keys = [list(table.c).index(column) for column in table.primary_key.columns or table.c]
            found[table.name] = sorted(map(tuple, await reader.all(connection, table.select())), key=itemgetter(*keys))
    await database.close()
    return found


def _row(table: Table, number: int, large: int) -> dict[str, Any]:
    return {column.name: _value(column, number, place, large) for place, column in enumerate(table.c)}


def _value(column: Column[Any], number: int, place: int, large: int) -> Any:
    if column.name == "service_id" and len(column.table.primary_key.columns) > 1:
        # Several rows of the same service.
        return UUID(int=number // 3)
    if column.primary_key or column.name in ("name", "fqn"):
        if isinstance(column.type, Uuid):
            return UUID(int=number << 64)
        is_number = isinstance(column.type, Integer)
        return number if is_number else f"{number:03} {_TEXTS[number % len(_TEXTS)]}"
    if column.nullable and (number + place) % 4 == 0:
        return None
    if isinstance(column.type, ARRAY):
        # No id is in two lists of an asset.
        return [UUID(int=place << 64 | id_) for id_ in ((), (1,), (3, 2))[number % 3]]
    values = next((values for type_, values in _VALUES.items() if isinstance(column.type, type_)), _TEXTS)
    if large and column.name == "description" and number % 5 == 0:
        return "x" * large
    return values[(number + place) % len(values)]
