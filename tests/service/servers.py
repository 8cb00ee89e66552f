"""Servers besides the one of the fixtures: with their own settings, or several on one database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog.server import CatalogServer, build
from dashboard_catalog.settings import Settings
from tests.service.caller import Service


@asynccontextmanager
async def running(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[tuple[CatalogServer, Service]]:
    """Runs a server until the end of the block, unless it was drained before.

    Args:
        folder: Its data folder; servers that share it share their signing key.
        settings: Other settings, by field name.
    """
    key = load_or_create_key(folder)
    given = {"address": "127.0.0.1:0", "database_url": database_url, "data_dir": folder, **settings}
    server = await build(Settings.load(given))
    await server.start()
    try:
        async with Service(server.address, key, server.database) as service:
            yield server, service
    finally:
        await server.drain(seconds=5)
