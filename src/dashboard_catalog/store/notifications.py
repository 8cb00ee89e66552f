"""How processes that share a PostgreSQL tell each other that something has changed.

A notification makes others look earlier than they would by themselves. So nobody needs to know whether one arrives. It
is sent after the commit, on a connection of its own: in the transaction itself it would make all commits wait for
each other.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from dashboard_catalog.store.connections import driver_of

CONNECTIONS = 2
"""One to tell, and one to listen."""

_CHANNEL = "dashboard_catalog_changes"
_TELL_SECONDS = 0.1
_RETRY_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Notifications:
    """Tells other processes of commits, and hears of theirs.

    Args:
        engine: Has `CONNECTIONS` connections that nobody else uses.
        listens: Whether to listen. PgBouncer gives a connection to somebody else after each transaction, so there is
            nothing to listen on.
    """

    def __init__(self, engine: AsyncEngine, *, listens: bool) -> None:
        self._engine = engine
        self._listens = listens
        # Tells a process from others, whose notifications it also gets.
        self._name = secrets.token_hex(8)
        self._is_news = False
        self._telling: asyncio.Task[None] | None = None

    def committed(self) -> None:
        """Tells others soon that something has changed."""
        self._is_news = True
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while self._is_news:
            self._is_news = False
            try:
                async with self._engine.connect() as connection:
                    # Nobody needs to know whether it would survive a crash.
                    await driver_of(connection).execute(
                        "BEGIN; SET LOCAL synchronous_commit TO off;"
                        f" SELECT pg_notify('{_CHANNEL}', '{self._name}'); COMMIT"
                    )
            except Exception as error:  # noqa: BLE001 - others look by themselves
                _log.debug("not_notified", cause=type(error).__name__)
            await asyncio.sleep(_TELL_SECONDS)
        self._telling = None

    @asynccontextmanager
    async def listening(self, heard: Callable[[], None]) -> AsyncIterator[None]:
        """Calls `heard` whenever another process tells that something has changed, until the end of the block."""
        task = asyncio.create_task(self._listen_on(heard)) if self._listens else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _listen_on(self, heard: Callable[[], None]) -> None:
        while True:
            try:
                await self._listen(heard)
            except Exception as error:  # noqa: BLE001 - whoever listens also looks by itself
                _log.debug("not_listening", cause=type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen(self, heard: Callable[[], None]) -> None:
        """Returns when the connection has ended."""
        ended = asyncio.Event()

        def hear(_connection: object, _pid: int, _channel: str, name: str) -> None:
            if name != self._name:
                heard()

        async with self._engine.connect() as connection:
            driver: Any = driver_of(connection)
            driver.add_termination_listener(lambda _: ended.set())
            try:
                await driver.add_listener(_CHANNEL, hear)
                heard()
                await ended.wait()
            finally:
                # It still listens, so nobody else may get it.
                driver.terminate()

    async def close(self) -> None:
        """Tells nobody any more."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
