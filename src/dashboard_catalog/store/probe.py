"""Finds out whether the database can be used: it answers, has the tables of this version, and takes writes."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, func, insert, select, table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dashboard_catalog.store.connections import DISTRIBUTED
from dashboard_catalog.store.driver_errors import NO_TABLES, READ_ONLY, DatabaseUnavailable, LostRace, translation_of
from dashboard_catalog.store.records import CATALOG_ID
from dashboard_catalog.store.tables import MENTION, SERVICE_SEQUENCE, VERSION_TABLE

# Enough to need space on a disk.
_WRITTEN_BYTES = 64 * 1024

# The migrations add this row.
_row = select(SERVICE_SEQUENCE.c.last_change).where(SERVICE_SEQUENCE.c.service_id == CATALOG_ID)
_READS: dict[str, Any] = {
    "postgresql": _row.add_columns(func.current_setting("transaction_read_only").label("read_only")),
    "sqlite": _row,
}
# The node of the connection has this row, too. The row above may be on a node that is down, while others are not.
_READ_OF_CLUSTER = select(func.current_setting("transaction_read_only").label("read_only")).select_from(
    table(VERSION_TABLE)
)


class Probe:
    """Probes the database over a connection of its own, which no call can occupy.

    Args:
        engine: A pool of one connection.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def run(self, *, write: bool) -> str | None:
        """Returns why the database cannot be used, or None if it can.

        Args:
            write: Whether to write something, which costs a commit. Some faults show in no other way, such as a full
                disk.
        """
        try:
            await self._read()
            if write:
                await self._write()
        except LostRace:
            # The lock of a SQLite file is taken, so somebody else is writing.
            return None
        except DatabaseUnavailable as error:
            return error.problem
        except Exception as error:  # noqa: BLE001 - whatever it is, the database cannot be used
            return f"unexpected {type(error).__name__}"
        return None

    async def _read(self) -> None:
        async with self._connected() as connection:
            read = _READ_OF_CLUSTER if _is_cluster(connection) else _READS[connection.dialect.name]
            row = (await connection.execute(read)).one_or_none()
            if row is None:
                raise DatabaseUnavailable(NO_TABLES)
            if getattr(row, "read_only", "off") == "on":
                raise DatabaseUnavailable(READ_ONLY)

    async def _write(self) -> None:
        """Writes a row and removes it again, in one transaction. On a cluster, no row says anything about all nodes."""
        row = {"service_id": CATALOG_ID, "session_id": uuid4(), "item_offset": 0, "kind": "probe"}
        async with self._connected() as connection:
            if _is_cluster(connection):
                return
            await connection.execute(insert(MENTION).values(**row, digests=os.urandom(_WRITTEN_BYTES)))
            c = MENTION.c
            await connection.execute(
                delete(MENTION).where(c.service_id == row["service_id"], c.session_id == row["session_id"])
            )
            await connection.commit()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction. If it fails, the next one gets a new connection, which may lead to another server."""
        try:
            async with self._engine.connect() as connection:
                try:
                    yield connection
                    await connection.rollback()
                except BaseException:
                    await connection.invalidate()
                    raise
        except Exception as error:
            if translation := translation_of(error):
                raise translation from error
            raise


def _is_cluster(connection: AsyncConnection) -> bool:
    return DISTRIBUTED in connection.info
