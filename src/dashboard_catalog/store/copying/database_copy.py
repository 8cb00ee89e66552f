"""Copies every table of one database into another, in one transaction per page of rows.

The source is read in one transaction, so the copy shows it at one moment. The target is marked until the copy is
complete, and a copy that was interrupted goes on after the last page that was written.
"""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from sqlalchemy import BigInteger, Text, cast, delete, func, literal_column, select, text

from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.copying.mark import Mark, add_mark, find_mark, move_mark, remove_mark
from dashboard_catalog.store.copying.sides import CopyError, Side
from dashboard_catalog.store.copying.table_copy import Page, TableCopy, copied_tables
from dashboard_catalog.store.database import Database, TimeLimits
from dashboard_catalog.store.schema import COPY_TABLE
from dashboard_catalog.store.sqlite_file import is_sqlite, sqlite_file
from dashboard_catalog.store.tables import METADATA, SERVICE_SEQUENCE

# Counting the rows of a large table takes long.
_LIMITS = TimeLimits(statement=600.0)
# The transaction waits while the other database writes.
_ONE_MOMENT = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)


class Shown(Protocol):
    """Shows the progress of a copy."""

    def begin(self, total: int) -> None:
        """Shows that the copying of this many rows begins."""

    def done(self, rows: int) -> None:
        """Shows the number of rows that are copied."""


async def copy_database(source: Side, target: Side, shown: Shown) -> None:
    """Copies the source into the target, which `prepared` has prepared.

    Raises:
        CopyError: If it ends early. Another call goes on from there.
    """
    async with _opened(source) as reading, _opened(target) as writing:
        with source.explained():
            async with reading.read_transaction() as connection:
                total, fingerprint = await _look_at(connection, source)
                copy = _Copy(connection, writing, target, shown)
                await copy.begin(source, fingerprint)
                shown.begin(total)
                await copy.run()


@asynccontextmanager
async def _opened(side: Side) -> AsyncIterator[Database]:
    database = Database(side.url, pool_size=1, limits=_LIMITS)
    try:
        yield database
    finally:
        await database.close()


class _Copy:
    """One run of a copy.

    Args:
        source: The transaction that reads.
        database: The database that is filled.
        target: The same.
        shown: Shows the progress.
    """

    def __init__(self, source: ReadConnection, database: Database, target: Side, shown: Shown) -> None:
        self._source = source
        self._database = database
        self._target = target
        self._shown = shown
        self._mark = Mark("")

    async def begin(self, source: Side, fingerprint: str) -> None:
        """Marks an empty target, or finds out how far an unfinished copy is.

        Raises:
            CopyError: If the source has changed since that copy began.
        """
        with self._target.explained():
            self._mark = await self._database.write(lambda connection: _find_or_add(connection, fingerprint))
        if self._mark.fingerprint != fingerprint:
            raise CopyError(
                f"{self._target.shown} holds an unfinished copy of something else, or {source.shown} has changed since:"
                " copy into another, empty database"
            )

    async def run(self) -> None:
        """Copies what remains."""
        self._shown.done(self._mark.copied)
        for table in copied_tables():
            if table.table.name >= self._mark.table:
                await self._copy(table)
        with self._target.explained():
            await self._database.write(_complete)

    async def _copy(self, table: TableCopy) -> None:
        after = self._mark.last_key if table.table.name == self._mark.table else ()
        while page := await table.page(self._source, after):
            with self._target.explained():
                await self._write(table, page)
            after = page.last_key
            self._shown.done(self._mark.copied)

    async def _write(self, table: TableCopy, page: Page) -> None:
        mark = self._mark.moved(table.table.name, page.last_key, len(page.rows))

        async def work(connection: WriteConnection) -> None:
            if not await move_mark(connection, self._mark, mark):
                raise CopyError(f"another copy into {self._target.shown} is running")
            await table.write(connection, page)

        await self._database.write(work)
        self._mark = mark


async def _find_or_add(connection: WriteConnection, fingerprint: str) -> Mark:
    if await _is_marked(connection):
        return await find_mark(connection)
    mark = Mark(fingerprint)
    await add_mark(connection, mark)
    # The migrations add a row, which is also in the source.
    await connection.execute(delete(SERVICE_SEQUENCE))
    return mark


async def _is_marked(connection: ReadConnection) -> bool:
    statement = {
        "sqlite": "SELECT count(*) FROM sqlite_schema WHERE name = :name",
        "postgresql": "SELECT count(*) FROM pg_class WHERE oid = to_regclass(:name)",
    }[connection.dialect.name]
    return bool((await connection.execute(text(statement), {"name": COPY_TABLE})).scalar_one())


async def _complete(connection: WriteConnection) -> None:
    await remove_mark(connection)
    if connection.dialect.name == "postgresql":
        # Otherwise the first queries are planned for empty tables.
        await connection.execute(text(f"ANALYZE {', '.join(METADATA.tables)}"))


async def _look_at(connection: ReadConnection, source: Side) -> tuple[int, str]:
    """Returns the number of rows to copy, and a text that tells whether the source has changed."""
    on_postgresql = not is_sqlite(source.url)
    if on_postgresql:
        for statement in _ONE_MOMENT:
            await connection.execute(text(statement))
    total = 0
    versions: list[object] = []
    # Any write of a row changes this sum.
    written = func.sum(cast(cast(literal_column("xmin"), Text), BigInteger)) if on_postgresql else func.count()
    for table in copied_tables():
        rows, sum_ = (await connection.execute(select(func.count(), written).select_from(table.table))).one()
        total += rows
        versions.append([table.table.name, rows, int(sum_ or 0)])
    if not on_postgresql:
        found = sqlite_file(source.url).stat()
        versions.append([found.st_mtime_ns, found.st_size])
    return total, hashlib.sha256(json.dumps(versions).encode()).hexdigest()
