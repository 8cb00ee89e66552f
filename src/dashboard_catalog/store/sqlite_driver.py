"""A connection to SQLite as SQLAlchemy expects it, with few crossings between the event loop and the thread.

A statement crosses once: the thread runs it and returns its rows. The statement that begins a transaction, and those
whose results nobody reads, cross together with the next one, or with the commit. Nobody waits for a rollback.
"""

import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from operator import methodcaller
from typing import Any, NamedTuple, Self, TypeVar

from dashboard_catalog.store.sqlite_blocks import run_many
from dashboard_catalog.store.sqlite_thread import SqliteThread

T = TypeVar("T")

# Limits the memory of a transaction that writes a lot.
_MOST_KEPT_ROWS = 10_000


class Statement(NamedTuple):
    """A statement, to run once with its parameters, or once with each of them."""

    sql: str
    parameters: Any = ()
    many: bool = False


class Answer(NamedTuple):
    """What a statement answers. The names of the fields, and their values for no answer, are those of PEP 249."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: Sequence[Any] = ()


class SqliteDriver:
    """A connection and its thread. SQLAlchemy uses it like a connection of aiosqlite.

    Args:
        open_file: Opens the connection, in the thread.
    """

    def __init__(self, open_file: Callable[[], sqlite3.Connection]) -> None:
        self._thread = SqliteThread(open_file)
        self._unsent: list[Statement] = []
        self._unsent_rows = 0
        self._keeps = False

    def begin(self, sql: str) -> None:
        """Begins a transaction with the next statement that is sent."""
        self._unsent = [Statement(sql)]

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Keeps the statements that are run in the block, to send them with a later one or with the commit.

        They answer nothing. If one of them fails, the later one fails, or the commit.
        """
        self._keeps = True
        try:
            yield
        finally:
            self._keeps = False

    async def send(self, statement: Statement) -> Answer:
        """Runs a statement, after those that were kept, and returns its answer."""
        if statement.sql.startswith("ROLLBACK TO"):
            # What was kept before the savepoint was sent with it, so only what this undoes is left.
            self._unsent.clear()
        self._unsent.append(statement)
        self._unsent_rows += len(statement.parameters) if statement.many else 1
        if self._keeps and self._unsent_rows < _MOST_KEPT_ROWS:
            return Answer()
        return await self._in_thread(_run)

    # These are named as in asyncpg.

    async def fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        """Runs a statement and returns its rows."""
        return (await self.send(Statement(sql, values))).rows

    async def executemany(self, sql: str, rows: Sequence[Any]) -> None:
        """Runs a statement once with each row of values."""
        await self.send(Statement(sql, rows, many=True))

    def is_closed(self) -> bool:
        """Says whether nothing can be sent any more."""
        return self._connection is None

    # SQLAlchemy calls these.

    def __await__(self) -> Generator[Any, None, Self]:
        yield from self._thread.start().__await__()
        return self

    @property
    def _connection(self) -> sqlite3.Connection | None:
        """The connection while it is open. SQLAlchemy knows it by this name."""
        return self._thread.connection

    async def create_function(self, *args: Any, **options: Any) -> None:
        """Adds a function to SQL."""
        await self._thread.run(methodcaller("create_function", *args, **options))

    def cursor(self) -> Any:
        """Returns a cursor for one statement."""
        return _Cursor(self)

    async def commit(self) -> None:
        """Ends the transaction after what was kept. Undoes all of it if any of it fails."""
        await self._in_thread(_commit)

    async def rollback(self) -> None:
        """Undoes what the transaction has written. Returns at once, since whatever is sent later runs later."""
        self._take_unsent()
        self._thread.run_later(methodcaller("rollback"))

    def stop(self) -> None:
        """Ends the thread when it has done everything else, and closes the connection."""
        self._thread.stop()

    async def close(self) -> None:
        """Closes the connection; waits a moment for that at most."""
        await self._thread.close()

    # This can be called at any time.

    def interrupt_now(self) -> None:
        """Ends the statement that is running, unless it waits for the disk."""
        if self._connection is not None:
            self._connection.interrupt()

    async def _in_thread(self, function: Callable[[Sequence[Statement], sqlite3.Connection], T]) -> T:
        """Runs a function in the thread, with what is to be sent."""
        return await self._thread.run(partial(function, self._take_unsent()))

    def _take_unsent(self) -> Sequence[Statement]:
        unsent, self._unsent, self._unsent_rows = self._unsent, [], 0
        return unsent


class _Cursor:
    """A statement and its answer, in the form that SQLAlchemy expects from an asynchronous driver."""

    def __init__(self, driver: SqliteDriver) -> None:
        self._driver = driver
        self._answer = Answer()

    description = property(lambda self: self._answer.description)
    rowcount = property(lambda self: self._answer.rowcount)
    lastrowid = property(lambda self: self._answer.lastrowid)

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Any = ()) -> None:
        self._answer = await self._driver.send(Statement(sql, parameters))

    async def executemany(self, sql: str, parameters: Sequence[Any]) -> None:
        self._answer = await self._driver.send(Statement(sql, parameters, many=True))

    async def fetchall(self) -> Sequence[Any]:
        return self._answer.rows

    async def close(self) -> None:
        """Does nothing: the thread has closed its own cursor."""


# These run in the thread.


def _run(statements: Sequence[Statement], connection: sqlite3.Connection) -> Answer:
    """Runs statements and returns the answer of the last one."""
    if connection.in_transaction and statements[0].sql.startswith("BEGIN"):
        # The rollback before, for which nobody has waited, has failed. If it fails again, somebody learns of it.
        connection.rollback()
    answer = Answer()
    for sql, parameters, many in statements:
        if many:
            answer = Answer(rowcount=run_many(connection, sql, parameters))
            continue
        cursor = connection.execute(sql, parameters)
        rows = cursor.fetchall() if cursor.description else ()
        answer = Answer(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
        cursor.close()
    return answer


def _commit(statements: Sequence[Statement], connection: sqlite3.Connection) -> None:
    try:
        if statements:
            _run(statements, connection)
        connection.commit()
    except BaseException:
        # To SQLAlchemy, the transaction has ended.
        with suppress(sqlite3.Error):
            connection.rollback()
        raise
