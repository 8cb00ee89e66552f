"""Several hosts in one URL: the one that takes writes is found, and one that is gone is left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from dashboard_catalog.database_url import normal_url
from dashboard_catalog.store import postgresql_engines
from dashboard_catalog.store.postgresql_engines import postgresql_engine
from tests.postgres import PostgresServer


class Silent:
    """A host that accepts connections and never answers.

    Attributes:
        connections: Number of connections that were made.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.read()
        writer.close()


@asynccontextmanager
async def silent_host() -> AsyncIterator[Silent]:
    silent = Silent()
    server = await asyncio.start_server(silent.accept, "127.0.0.1", 0)
    silent.port = server.sockets[0].getsockname()[1]
    yield silent
    server.close()
    await server.wait_closed()


async def test_a_host_that_is_silent_is_waited_for_once(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_engines, "_CONNECT_SECONDS", 15)
    async with silent_host() as silent:
        hosts = f"host=127.0.0.1:{silent.port}&host=127.0.0.1:1&host={postgres.folder}"
        engine = postgresql_engine(normal_url(f"postgresql://postgres@/postgres?{hosts}", pgbouncer=False))
        async with engine.connect() as one, engine.connect() as other:
            for connection in (one, other):
                assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
        await engine.dispose()
        assert silent.connections == 1


async def test_when_no_host_suits_the_error_says_why_for_each() -> None:
    hosts = "host=127.0.0.1:1&host=127.0.0.1:2"
    engine = postgresql_engine(normal_url(f"postgresql://postgres@/postgres?{hosts}", pgbouncer=False))
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:1: .*; 127\.0\.0\.1:2: "):
        await engine.connect()
    await engine.dispose()
