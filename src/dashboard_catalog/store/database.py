"""Transactions: how the layers above read and write, and how a write that loses a race is run again.

They see `CatalogError` and nothing else; `driver_errors` decides which errors of a driver are a lost race.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from sqlalchemy import text

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.driver_errors import DuplicateKey, LostRace, Refused, translated
from dashboard_catalog.store.engines import postgresql_engine, sqlite_engine

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_ATTEMPTS = 6


class Database:
    """One database: PostgreSQL through asyncpg, or one SQLite file through aiosqlite.

    Args:
        url: `postgresql+asyncpg://...` or `sqlite+aiosqlite:///FILE`.
        pgbouncer: Whether PgBouncer pools transactions in front of PostgreSQL.
        pool_size: Number of connections to keep.
    """

    def __init__(self, url: str, *, pgbouncer: bool = False, pool_size: int = 10) -> None:
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self._readers = sqlite_engine(url, "BEGIN", pool_size)
            # With one connection, the writers of this process queue for it and never meet SQLITE_BUSY.
            self._writers = sqlite_engine(url, "BEGIN IMMEDIATE", 1)
        else:
            self._readers = self._writers = postgresql_engine(url, pool_size, pgbouncer=pgbouncer)
        self._writing: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadConnection]:
        """Opens a transaction for reading.

        Raises:
            CatalogError: UNAVAILABLE if the database is away or too busy.
        """
        try:
            async with translated(), self._readers.connect() as connection:
                yield ReadConnection(connection)
        except LostRace as error:
            raise _too_busy() from error

    async def write(self, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        """Runs `work` in a transaction, commits it and returns its result.

        `work` runs again from the start if the transaction loses a race. It goes on when its caller is cancelled: an
        interrupted transaction can leave its connection, and on SQLite the only write lock, to the garbage collector.

        If the database refuses what `work` writes, it runs once more, on a connection that `isolates`.

        Raises:
            CatalogError: UNAVAILABLE if the database is away, or if every attempt lost its race; FAILED_PRECONDITION
                if the database refuses what `work` writes.
        """
        return await self._finish(work, commit=True)

    async def rehearse(self, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        """Runs `work` like `write`, rolls back what it has written, and returns its result.

        Raises:
            CatalogError: As `write`.
        """
        return await self._finish(work, commit=False)

    async def _finish(self, work: Callable[[WriteConnection], Awaitable[T]], *, commit: bool) -> T:
        writing = asyncio.create_task(self._write(work, commit=commit))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        return await asyncio.shield(writing)

    async def _write(self, work: Callable[[WriteConnection], Awaitable[T]], *, commit: bool) -> T:
        isolates = False
        for attempt in range(_ATTEMPTS):
            try:
                return await self._attempt(work, commit=commit, isolates=isolates)
            except LostRace as error:
                # A key that is still taken is not a race, but a constraint that the catalog does not know.
                isolates = isolates or (attempt > 0 and isinstance(error, DuplicateKey))
                _log.info("write_retried", attempt=attempt + 1, cause=type(error.__cause__).__name__)
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))
            except Refused as error:
                if isolates:
                    raise _refused(error) from error
                isolates = True
        raise _too_busy()

    async def _attempt(self, work: Callable[[WriteConnection], Awaitable[T]], *, commit: bool, isolates: bool) -> T:
        async with translated(), self._writers.connect() as connection, connection.begin() as transaction:
            result = await work(WriteConnection(connection, isolates=isolates))
            if not commit:
                await transaction.rollback()
            return result

    async def ping(self) -> None:
        """Returns if the database answers.

        Raises:
            CatalogError: UNAVAILABLE if it does not.
        """
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Waits for the writes that are running, then closes all connections."""
        if self._writing:
            await asyncio.wait(self._writing)
        await self._readers.dispose()
        await self._writers.dispose()


def _refused(error: Refused) -> CatalogError:
    _log.error("database_refused", code=error.code, problem=error.problem)
    return CatalogError(Reason.DATABASE_REFUSED, "the database refuses this write; the server log has details")


def _too_busy() -> CatalogError:
    return CatalogError(Reason.CONFLICTING_WRITE, "too many writers at once; try again", retry_after=0.2)
