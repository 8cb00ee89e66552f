"""The thread of a SQLite connection, when those who use it leave."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dashboard_catalog.store.sqlite_thread import SqliteThread
from tests.patience import PATIENCE, until


class Noted(sqlite3.Connection):
    """A connection that notes whether it is closed."""

    is_closed = False

    def close(self) -> None:
        super().close()
        self.is_closed = True


def opening(file: Path) -> Callable[[], Noted]:
    """Returns what opens a file."""
    return lambda: sqlite3.connect(file, factory=Noted)


async def test_the_thread_closes_its_connection_and_ends_when_nobody_has_it_any_more(tmp_path: Path) -> None:
    others = threading.enumerate()
    thread = SqliteThread(opening(tmp_path / "file"))
    await thread.start()
    [started] = [each for each in threading.enumerate() if each not in others]
    connection = thread.connection
    assert isinstance(connection, Noted)

    del thread
    await until(lambda: not started.is_alive())
    assert connection.is_closed


async def test_the_thread_goes_on_when_the_event_loop_that_waits_for_it_closes(tmp_path: Path) -> None:
    thread = SqliteThread(opening(tmp_path / "file"))
    await thread.start()
    has_closed = threading.Event()

    async def leave() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await thread.run(lambda _: has_closed.wait(PATIENCE))

    await asyncio.to_thread(asyncio.run, leave())
    has_closed.set()
    async with asyncio.timeout(PATIENCE):
        assert await thread.run(lambda connection: connection.in_transaction) is False
    await thread.close()
