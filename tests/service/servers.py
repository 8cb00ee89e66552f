"""Servers: those that tests share, and others with their own settings, or several on one database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog.server import CatalogServer, build
from dashboard_catalog.settings import Settings
from dashboard_catalog.tracing.spans import Spans
from tests.service.caller import Service


@asynccontextmanager
async def running(
    database_url: str, folder: Path, *, spans: Spans | None = None, **settings: Any
) -> AsyncIterator[tuple[CatalogServer, Service]]:
    """Runs a server until the end of the block, unless it was drained before.

    Args:
        folder: Its data folder; servers that share it share their signing key.
        spans: Makes the spans of calls.
        settings: Other settings, by field name.
    """
    key = load_or_create_key(folder)
    given = {"address": "127.0.0.1:0", "database_url": database_url, "data_dir": folder, **settings}
    server = await build(Settings.load(given), spans=spans)
    await server.start()
    try:
        async with Service(server.address, key, server.database, server.index) as service:
            yield server, service
    finally:
        await server.drain(seconds=5)


class SharedServer:
    """The server of one kind of database, started by the first test that needs it.

    Args:
        folder: Its data folder.
        spans: Makes the spans of calls.
    """

    def __init__(self, folder: Path, spans: Spans | None = None) -> None:
        self._folder = folder
        self._spans = spans
        self._database_url = ""
        self._running = AsyncExitStack()
        self._server: CatalogServer | None = None

    @property
    def server(self) -> CatalogServer:
        """The server, once a test has asked for its service."""
        assert self._server is not None
        return self._server

    async def stop(self) -> None:
        """Stops it if it runs."""
        await self._running.aclose()

    @asynccontextmanager
    async def service(self, database_url: str) -> AsyncIterator[Service]:
        """Yields it for a database, and waits at the end until nothing runs there any more."""
        server = await self._started(database_url)
        key = load_or_create_key(self._folder)
        async with Service(server.address, key, server.database, server.index) as service:
            yield service
        await _at_rest(server)

    async def _started(self, database_url: str) -> CatalogServer:
        if self._server is None or self._database_url != database_url:
            # A test may have spoilt the database, so that there is another one now.
            await self.stop()
            served = running(database_url, self._folder, spans=self._spans, http_address="127.0.0.1:0")
            started = await self._running.enter_async_context(served)
            self._server, self._database_url = started[0], database_url
        return self._server


async def _at_rest(server: CatalogServer) -> None:
    """Returns when a server does nothing more for a test, so that the next one finds nothing of it."""
    await server._gate.idle()
    # A write goes on when its call is cancelled.
    while server.database._running:
        await asyncio.wait(server.database._running)
    server._access_log.flush()
