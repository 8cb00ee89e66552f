"""The mark of an unfinished copy: a table of one row in the database that is being filled.

It says how far the copy is, and is moved in the transactions that write the rows. While it is there, `schema` refuses
the database to everything else.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from sqlalchemy import BigInteger, Column, MetaData, Table, Text, Uuid, bindparam, insert, select, update
from sqlalchemy.schema import CreateTable, DropTable

from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.schema import COPY_TABLE
from dashboard_catalog.store.tables import METADATA

_MARK = Table(
    COPY_TABLE,
    MetaData(),
    # What the source was when the copy began.
    Column("fingerprint", Text(), nullable=False),
    # Number of rows that are copied.
    Column("copied", BigInteger(), nullable=False),
    # The table that is being copied, and the key of its last row that is copied, as JSON.
    Column("table_name", Text(), nullable=False),
    Column("last_key", Text(), nullable=False),
)
_move = (
    update(_MARK)
    .where(_MARK.c.copied == bindparam("b_copied"))
    .values(copied=bindparam("copied"), table_name=bindparam("table_name"), last_key=bindparam("last_key"))
)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a copy is.

    Attributes:
        fingerprint: What the source was when the copy began.
        copied: Number of rows that are copied.
        table: Name of the table that is being copied; empty before the first.
        last_key: Key of its last row that is copied; empty before the first.
    """

    fingerprint: str
    copied: int = 0
    table: str = ""
    last_key: tuple[Any, ...] = ()

    def moved(self, table: str, last_key: Sequence[Any], rows: int) -> Self:
        """Returns the mark after the next rows of a table."""
        return type(self)(self.fingerprint, self.copied + rows, table, tuple(last_key))


async def find_mark(connection: ReadConnection) -> Mark:
    """Returns the mark of a database that has one."""
    row = (await connection.execute(select(_MARK))).one()
    keys = METADATA.tables[row.table_name].primary_key.columns if row.table_name else ()
    values = json.loads(row.last_key)
    key = [
        UUID(hex=value) if isinstance(column.type, Uuid) else value for column, value in zip(keys, values, strict=True)
    ]
    return Mark(row.fingerprint, row.copied, row.table_name, tuple(key))


async def add_mark(connection: WriteConnection, mark: Mark) -> None:
    """Marks a database."""
    await connection.execute(CreateTable(_MARK))
    await connection.execute(insert(_MARK), [_values(mark)])


async def move_mark(connection: WriteConnection, before: Mark, after: Mark) -> bool:
    """Moves the mark. Returns whether it was where it should be; otherwise another copy has moved it."""
    result = await connection.execute(_move, {**_values(after), "b_copied": before.copied})
    return result.rowcount == 1


async def remove_mark(connection: WriteConnection) -> None:
    """Removes the mark of a copy that is complete."""
    await connection.execute(DropTable(_MARK))


def _values(mark: Mark) -> dict[str, Any]:
    key = [value.hex if isinstance(value, UUID) else value for value in mark.last_key]
    return {
        "fingerprint": mark.fingerprint,
        "copied": mark.copied,
        "table_name": mark.table,
        "last_key": json.dumps(key),
    }
