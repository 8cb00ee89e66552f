"""Catalogs for the client: a complete one, one behind a proxy that cuts streams, and one that stores no items."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog.server import CatalogServer, build
from dashboard_catalog.settings import Settings
from dashboard_catalog_client import retries
from tests.cli.background import in_background
from tests.client.cutting import CuttingProxy
from tests.client.forgetful import Forgetful, forgetful_server


class Restarting:
    """A server that can be stopped and started again on its port."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.token = issue_token(load_or_create_key(settings.data_dir), "loader", ("ingestion_bot",), bot=True)
        self._server: CatalogServer | None = None

    @property
    def address(self) -> str:
        return self.settings.address

    async def start(self) -> None:
        self._server = await build(self.settings)
        await self._server.start()
        self.settings = self.settings.model_copy(update={"address": self._server.address})

    async def stop(self, seconds: float = 0) -> None:
        """Stops it, and cancels calls that are still running after `seconds`."""
        if self._server is not None:
            await self._server.drain(seconds)


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[Restarting]:
    """A catalog without items, and a bot's token."""
    settings = {"address": "127.0.0.1:0", "database_url": database_url, "data_dir": tmp_path / "data"}
    server = Restarting(Settings.load(settings))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def proxy(server: Restarting) -> AsyncIterator[CuttingProxy]:
    """A proxy in front of the server."""
    async with CuttingProxy(server.address) as proxy:
        yield proxy


@pytest.fixture
def forgetful() -> Iterator[Forgetful]:
    """A catalog that stores no items, in another thread."""
    catalog = Forgetful()  # type: ignore[abstract]
    with in_background(forgetful_server(catalog)) as address:
        catalog.address = address
        yield catalog


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes loads retry almost immediately."""
    monkeypatch.setattr(retries, "_FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(retries, "_MAX_BACKOFF_SECONDS", 0.05)
