"""Connections and transactions of the two databases, and the one translation of what their drivers raise.

Everything above runs its work through `Database.read` and `Database.write` and sees only `CatalogError`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import structlog
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dashboard_catalog.errors import CatalogError, Reason
from dashboard_catalog.store.connections import ReadConnection, WriteConnection

T = TypeVar("T")

_log = structlog.get_logger(__name__)

# A lost race: another try can win. Classes and codes of SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
_RETRYABLE_STATES = ("40001", "40P01", "55P03", "23505")
# The server cannot be reached, lets nobody in, is starting or stopping, is short of something, or has ended what took
# too long.
_AWAY_STATES = ("08", "28", "3D000", "53", "57P", "58", "57014", "25P03")
# The same of SQLite, by the names of https://www.sqlite.org/rescode.html
_RETRYABLE_NAMES = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
_AWAY_NAMES = (
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
    "SQLITE_INTERRUPT",
    "SQLITE_IOERR",
    "SQLITE_NOMEM",
    "SQLITE_PROTOCOL",
    "SQLITE_READONLY",
)
# What COPY raises does not pass through SQLAlchemy.
_COPY_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError)
_ATTEMPTS = 6
_BUSY_SECONDS = 2
# By default SQLite carries its log over to the file every 1,000 pages, so with each chunk of a load. Pages that many
# chunks write are carried over once for all of them this way; the log takes 32 MB.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=8000",
    "cache_size=-16384",
    "temp_store=MEMORY",
)


class LostRace(Exception):
    """A transaction lost against another one and can be run again."""


def _state_of(error: BaseException) -> str:
    """Returns the SQLSTATE of a driver's error, or an empty text."""
    return str(getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def _sqlite_name_of(error: BaseException | None) -> str:
    """Returns SQLite's name of an error that it caused, or an empty text."""
    while error is not None:
        if name := getattr(error, "sqlite_errorname", ""):
            return str(name)
        error = getattr(error, "orig", None) or error.__cause__
    return ""


def _is_lost_race(error: BaseException) -> bool:
    return _state_of(error) in _RETRYABLE_STATES or _sqlite_name_of(error).startswith(_RETRYABLE_NAMES)


def _is_away(error: BaseException) -> bool:
    if isinstance(error, OSError | PoolTimeoutError | DisconnectionError | TimeoutError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return _state_of(error).startswith(_AWAY_STATES) or _sqlite_name_of(error).startswith(_AWAY_NAMES)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Turns what a driver raises into `LostRace` or UNAVAILABLE; anything else is a bug and passes."""
    try:
        yield
    except (TimeoutError, DBAPIError, OSError, PoolTimeoutError, DisconnectionError, *_COPY_ERRORS) as error:
        if _is_lost_race(error):
            raise LostRace from error
        if _is_away(error):
            said = _state_of(error) or _sqlite_name_of(error)
            _log.warning("database_unavailable", said=said, error=type(error).__name__)
            raise CatalogError(
                Reason.DATABASE_UNAVAILABLE, "the database is not available; try again", retry_after=1.0
            ) from error
        raise


class Database:
    """One database: PostgreSQL through asyncpg, or one SQLite file through aiosqlite.

    Args:
        url: `postgresql+asyncpg://...` or `sqlite+aiosqlite:///FILE`.
        pgbouncer: Whether a pooler in transaction mode stands between: no prepared statement outlives a transaction.
        pool_size: Connections that are kept.
    """

    def __init__(self, url: str, *, pgbouncer: bool = False, pool_size: int = 10) -> None:
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self._readers = _sqlite_engine(url, "BEGIN", pool_size)
            # One connection: writers of the process queue here and never meet SQLITE_BUSY.
            self._writers = _sqlite_engine(url, "BEGIN IMMEDIATE", 1)
        else:
            self._readers = self._writers = _postgresql_engine(url, pgbouncer, pool_size)
        self._writing: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadConnection]:
        """Opens a transaction for reading.

        Raises:
            CatalogError: UNAVAILABLE if the database is away or too busy.
        """
        try:
            async with _translated(), self._readers.connect() as connection:
                yield ReadConnection(connection)
        except LostRace as error:
            raise _too_busy() from error

    async def write(self, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        """Runs `work` in a transaction and commits it; runs it again if it loses a race.

        It goes on to its end when its caller is cancelled: a transaction that breaks off half-way can leave its
        connection, and with it SQLite's one lock, to the garbage collector.

        Raises:
            CatalogError: UNAVAILABLE if the database is away, or the race was lost every time.
        """
        return await self._to_its_end(work, keep=True)

    async def rehearse(self, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        """Runs `work` as `write` does, and rolls back what it has written.

        Raises:
            CatalogError: As `write`.
        """
        return await self._to_its_end(work, keep=False)

    async def _to_its_end(self, work: Callable[[WriteConnection], Awaitable[T]], *, keep: bool) -> T:
        writing = asyncio.create_task(self._write(work, keep=keep))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        return await asyncio.shield(writing)

    async def _write(self, work: Callable[[WriteConnection], Awaitable[T]], *, keep: bool) -> T:
        for attempt in range(_ATTEMPTS):
            try:
                async with _translated(), self._writers.connect() as connection, connection.begin() as transaction:
                    result = await work(WriteConnection(connection))
                    if not keep:
                        await transaction.rollback()
                    return result
            except LostRace as error:
                _log.info("write_retried", attempt=attempt + 1, cause=type(error.__cause__).__name__)
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))
        raise _too_busy()

    async def ping(self) -> None:
        """Asks the database for a sign of life.

        Raises:
            CatalogError: UNAVAILABLE if there is none.
        """
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Closes all connections, when what is being written has been."""
        if self._writing:
            await asyncio.wait(self._writing)
        await self._readers.dispose()
        await self._writers.dispose()


def _too_busy() -> CatalogError:
    return CatalogError(Reason.CONFLICTING_WRITE, "too many writers at once; try again", retry_after=0.2)


def _sqlite_engine(url: str, begin: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url, pool_size=pool_size, max_overflow=0, pool_timeout=60, connect_args={"timeout": _BUSY_SECONDS}
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # SQLAlchemy begins transactions itself, below; the driver must not.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql_engine(url: str, pgbouncer: bool, pool_size: int) -> AsyncEngine:
    connect_args: dict[str, Any] = {"timeout": 10}
    if pgbouncer:
        connect_args |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__{uuid4()}__",
        }
    else:
        # `jit` costs more than it saves on statements that take milliseconds.
        connect_args["server_settings"] = {
            "application_name": "dashboard-catalog",
            "statement_timeout": "60000",
            "jit": "off",
        }
    engine = create_async_engine(
        url, pool_size=pool_size, max_overflow=pool_size, pool_timeout=30, connect_args=connect_args
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def _on_checkout(connection: Any, _record: object, _proxy: object) -> None:
        # The driver sees the server hang up while a connection is idle, as when it restarts. Asking the server itself
        # would cost a round trip for each transaction.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine
