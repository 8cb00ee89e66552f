"""Servers whose calls have spans, one per database, and an SDK that keeps the spans in memory."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import DATABASES
from tests.http.conftest import connect, server
from tests.service.conftest import admin, bot, database_url, service, shared_sqlite, superset
from tests.service.servers import SharedServer
from tests.tracing.recorded import Recorded

__all__ = ["admin", "bot", "connect", "database_url", "server", "service", "shared_sqlite", "superset"]


@pytest.fixture(scope="session")
def all_recorded() -> Recorded:
    """The spans of all tests of a process."""
    return Recorded()


@pytest.fixture(scope="session")
async def shared_servers(
    tmp_path_factory: pytest.TempPathFactory, all_recorded: Recorded
) -> AsyncIterator[dict[str, SharedServer]]:
    """The servers that tests share, by the kind of their database."""
    folder = tmp_path_factory.mktemp("servers")
    servers = {kind: SharedServer(folder, all_recorded.spans) for kind in DATABASES}
    yield servers
    for one in servers.values():
        await one.stop()


@pytest.fixture
def recorded(superset: object, all_recorded: Recorded) -> Recorded:  # noqa: ARG001 - comes before it
    """The spans of a test, after it has filled its catalog."""
    all_recorded.clear()
    return all_recorded
