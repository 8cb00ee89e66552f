"""A thread that has a connection to SQLite to itself, and never keeps the process from ending."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

CLOSE_SECONDS = 1.0
"""How long to wait for a thread. One that waits for a dead disk cannot be stopped; it ends with the process."""


class _Task(NamedTuple):
    """What to do with the connection, and who waits for it."""

    function: Callable[[sqlite3.Connection], Any]
    answer: asyncio.Future[Any] | None = None


class SqliteThread:
    """Runs functions on a connection, one after another.

    Args:
        open_file: Opens the connection, in the thread.

    Attributes:
        connection: The connection while it can be used, otherwise None.
    """

    def __init__(self, open_file: Callable[[], sqlite3.Connection]) -> None:
        self.connection: sqlite3.Connection | None = None
        self._open_file = open_file
        # The thread has these and not this object, so that it ends when nobody else has this object.
        self._tasks: SimpleQueue[_Task] = SimpleQueue()

    def __del__(self) -> None:
        self.stop()

    async def start(self) -> None:
        """Starts the thread and opens the connection. If it is cancelled, the thread closes what it has opened."""
        opened: asyncio.Future[sqlite3.Connection] = asyncio.get_running_loop().create_future()
        Thread(target=_work, args=(self._open_file, opened, self._tasks), daemon=True).start()
        try:
            self.connection = await opened
        except BaseException:
            self.stop()
            raise

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Runs a function after those before it, and returns what it returns.

        Raises:
            ValueError: If the connection is closed.
        """
        if self.connection is None:
            # SQLAlchemy knows this text.
            raise ValueError("Connection closed")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tasks.put(_Task(function, answer))
        return await answer

    def run_later(self, function: Callable[[sqlite3.Connection], None]) -> None:
        """Runs a function after those before it. Nobody waits for it or learns of its errors."""
        self._tasks.put(_Task(function))

    def stop(self, stopped: asyncio.Future[None] | None = None) -> None:
        """Closes the connection when the thread has done everything else, and ends the thread."""
        self.connection = None
        self._tasks.put(_Task(_close, stopped))

    async def close(self) -> None:
        """Stops, and waits a moment for that at most."""
        if self.connection is not None:
            stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.stop(stopped)
            await asyncio.wait({stopped}, timeout=CLOSE_SECONDS)


# All that follows runs in the thread, except `_settle`.


def _work(
    open_file: Callable[[], sqlite3.Connection], opened: asyncio.Future[sqlite3.Connection], tasks: SimpleQueue[_Task]
) -> None:
    """Opens a connection and runs tasks until one closes it."""
    connection = _run(open_file, opened)
    # Keeps no task while it waits for the next one, since a task may have many rows.
    while connection is not None and _can_go_on(connection, *tasks.get()):
        pass


def _can_go_on(
    connection: sqlite3.Connection, function: Callable[[sqlite3.Connection], Any], answer: asyncio.Future[Any] | None
) -> bool:
    """Runs a task and says whether another one can follow."""
    _run(partial(function, connection), answer)
    return function is not _close


def _run(function: Callable[[], T], answer: asyncio.Future[T] | None) -> T | None:
    """Runs a function and answers with its result, which it also returns, or with its error."""
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - whoever waits for the answer raises it
        _answer(answer, error=error)
        return None
    _answer(answer, result)
    return result


def _close(connection: sqlite3.Connection) -> None:
    connection.close()


def _answer(answer: asyncio.Future[Any] | None, result: Any = None, error: BaseException | None = None) -> None:
    if answer is not None:
        # It fails if the event loop is closed. Then nobody waits.
        with suppress(RuntimeError):
            answer.get_loop().call_soon_threadsafe(_settle, answer, result, error)


def _settle(answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    """Runs in the event loop."""
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)
