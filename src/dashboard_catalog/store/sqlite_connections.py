"""A SQLite file: its connections, and what happens when the file is taken away from under them.

A file can be deleted, moved or replaced while it is open. SQLite goes on with the file that it has opened, and what it
writes is lost. So a commit counts only if the path still leads to that file afterwards. Another file at the path is
opened as soon as the connections of the first one are closed, also those of the indexer: they share one log beside it,
found by its path.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Any, cast
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from dashboard_catalog.store.connections import TimeLimit, driver_of
from dashboard_catalog.store.driver_errors import DAMAGED, MOVED, makes_connections_useless, problem_of
from dashboard_catalog.store.file_use import FileUse
from dashboard_catalog.store.sqlite_driver import SqliteDriver
from dashboard_catalog.store.sqlite_file import sqlite_file
from dashboard_catalog.store.sqlite_thread import CLOSE_SECONDS

_BUSY_SECONDS = 2
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY")
# A chunk of 1,000 items changes most pages of some indexes. What does not fit into the writer's cache goes to the log
# before the commit, is read again, and goes there once more.
_READER_KIBIBYTES, _WRITER_KIBIBYTES = 16_384, 32_768
# By default SQLite copies its log into the database file every 1,000 pages. A chunk can write more than twice as many.
# With a longer log, a page that many chunks write is copied once for all of them.
_LOG_BYTES = 64_000_000

_Identity = tuple[int, int]


class SqliteConnections:
    """All connections of this process to a file.

    Args:
        url: `sqlite+aiosqlite:///FILE`.
        seconds: How long a statement may take.
    """

    CONNECTIONS_PER_PLACE = 1
    """How many connections there may be for each place of a pool."""

    def __init__(self, url: str, *, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self._path = sqlite_file(url).absolute()
        self._opening = Lock()
        self._use = FileUse(self._path)
        self._open: WeakSet[_OpenFile] = WeakSet()
        self._drivers: WeakSet[SqliteDriver] = WeakSet()
        # They are closed instead of being used again.
        self._useless: WeakSet[SqliteDriver] = WeakSet()
        # The file that the open connections have opened.
        self._opened: _Identity | None = None
        self._damaged: _Identity | None = None

    def engine(self, pool_size: int, *, writes: bool = False) -> AsyncEngine:
        """Returns a pool of connections.

        Args:
            pool_size: Maximum number of connections.
            writes: Whether they are for writing: their transactions begin with the write lock.
        """
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        connect = partial(self._connect, _WRITER_KIBIBYTES if writes else _READER_KIBIBYTES)
        engine = create_async_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=60,
            pool_reset_on_return=None,
            connect_args={"timeout": _BUSY_SECONDS, "async_creator_fn": connect},
        )

        @event.listens_for(engine.sync_engine, "begin")
        def _on_begin(connection: Any) -> None:
            connection.connection.driver_connection.begin(begin)

        @event.listens_for(engine.sync_engine, "checkout")
        def _on_checkout(connection: Any, _record: object, _proxy: object) -> None:
            if not self.is_in_place() or connection.driver_connection in self._useless:
                raise DisconnectionError

        @event.listens_for(engine.sync_engine, "checkin")
        def _on_checkin(_connection: object, record: Any) -> None:
            if not self.is_in_place():
                record.invalidate()

        @event.listens_for(engine.sync_engine, "handle_error")
        def _on_error(context: Any) -> None:
            self._note_damage(context.original_exception)
            context.is_disconnect = context.is_disconnect or makes_connections_useless(context.original_exception)

        return engine

    def limit(self, connection: AsyncConnection) -> TimeLimit:
        """Returns what limits how long a connection waits."""
        driver = driver_of(connection)
        return partial(_InterruptedAfter, self._seconds, driver.interrupt_now)

    def stand_alone(self, connection: AsyncConnection) -> None:
        """Does nothing: a transaction costs no round trip."""

    def readiness(self, connection: AsyncConnection) -> Callable[[], bool]:
        """Returns what begins a transaction, which waits for nothing, and says that the driver can take statements."""
        checked_out = connection.sync_connection

        def is_ready() -> bool:
            if checked_out is not None and not checked_out.in_transaction():
                checked_out.begin()
            return True

        return is_ready

    def failed(self, error: BaseException) -> None:
        """Draws the conclusions from an error that SQLAlchemy has not seen."""
        self._note_damage(error)
        if makes_connections_useless(error):
            self._useless.update(self._drivers)

    def is_in_place(self) -> bool:
        """Says whether the path leads to the file that is open."""
        return self._identity() == self._opened

    def problem(self) -> str | None:
        """Returns what is known to be wrong with the file, until another one takes its place."""
        if self._open and not self.is_in_place():
            return MOVED
        return DAMAGED if self._damaged and self._damaged == self._identity() else None

    async def let_go(self, engines: Iterable[AsyncEngine]) -> None:
        """Closes the idle connections of pools if the file is no longer at its path, so that another one can be opened.

        The others close when they are returned.
        """
        if self.is_in_place():
            return
        idle = [engine for engine in engines for _ in range(cast("QueuePool", engine.pool).checkedin())]
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                for engine in idle:
                    # Taking one out closes it, because the file is not in place. Disposing of the pool instead would
                    # forget those who wait for a connection.
                    with suppress(SQLAlchemyError):
                        await (await engine.connect().start()).close()

    def check(self) -> None:
        """Returns if what is written to the file counts.

        Raises:
            sqlite3.OperationalError: If not.
        """
        if not self.is_in_place():
            raise _error(MOVED, "SQLITE_READONLY_DBMOVED")
        if self.problem():
            raise _error(DAMAGED, "SQLITE_CORRUPT")

    def interrupt(self) -> None:
        """Ends the statements that are running, unless they wait for the disk."""
        for connection in list(self._open):
            with suppress(sqlite3.Error):
                connection.interrupt()

    def closed(self, connection: "_OpenFile") -> None:
        """Notes that a connection is closed."""
        with self._opening:
            self._open.discard(connection)
            if not self._open:
                self._use.end()

    def _note_damage(self, error: BaseException) -> None:
        if problem_of(error) == DAMAGED:
            self._damaged = self._opened

    def _identity(self) -> _Identity | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self, kibibytes: int, _file: str, **options: Any) -> SqliteDriver:
        """Returns a connection with a cache of some size, in a thread of its own. It opens the file when awaited."""
        driver = SqliteDriver(partial(self._open_file, kibibytes, options))
        self._drivers.add(driver)
        return driver

    def _open_file(self, kibibytes: int, options: dict[str, Any]) -> "_OpenFile":
        with self._opening:
            found = self._identity()
            is_another = self._opened is not None and found != self._opened
            if (self._open and is_another) or not (self._open or self._use.begin(alone=is_another)):
                raise _error(MOVED, "SQLITE_READONLY_DBMOVED")
            # A missing file is not created: an empty one would hide the loss.
            uri = f"{self._path.as_uri()}?mode=rw"
            try:
                connection = sqlite3.connect(uri, **options, factory=_OpenFile, uri=True, isolation_level=None)
            except sqlite3.Error:
                if not self._open:
                    self._use.end()
                raise
            connection.file = self
            self._open.add(connection)
            self._opened = found
        with _closed_on_error(connection):
            for pragma in (*_PRAGMAS, f"cache_size=-{kibibytes}"):
                connection.execute(f"PRAGMA {pragma}")
            [page_bytes] = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_BYTES // page_bytes}")
        return connection


class _OpenFile(sqlite3.Connection):
    """SQLite's own connection. All methods run in its thread."""

    file: SqliteConnections

    def commit(self) -> None:
        """Commits.

        Raises:
            sqlite3.OperationalError: If the file is known to be damaged, or was taken away before the commit was done.
        """
        self.file.check()
        super().commit()
        self.file.check()

    def close(self) -> None:
        """Closes the connection. First completes a file that was moved, since its log stays where it was."""
        with suppress(sqlite3.Error):
            # A statement that something still refers to would keep the transaction open, and its lock.
            self.rollback()
            if not self.file.is_in_place():
                self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        super().close()
        self.file.closed(self)


class _InterruptedAfter:
    """A block whose statement is interrupted when it takes too long.

    A dead disk cannot be interrupted. Then the block is cancelled, and SQLAlchemy drops its connection.
    """

    __slots__ = ("_interrupt", "_seconds", "_timeout", "_timer")

    def __init__(self, seconds: float, interrupt: Callable[[], None]) -> None:
        self._seconds = seconds
        self._interrupt = interrupt
        self._timeout = asyncio.timeout(seconds + CLOSE_SECONDS)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._interrupt)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _error(text: str, name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    return error
