"""A way to PostgreSQL that falls silent, as a network does whose host is gone: nothing is closed, nothing answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.postgres import PostgresServer


class Freezer:
    """A proxy in front of PostgreSQL.

    Attributes:
        connections: Number of connections that were made.
    """

    def __init__(self, postgres: PostgresServer) -> None:
        self.connections = 0
        self._target = f"{postgres.folder}/.s.PGSQL.5432"
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._relays: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def url(self, database: str) -> str:
        """Returns the URL of a database behind the proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql+asyncpg://postgres@127.0.0.1:{port}/{database}"

    def freeze(self) -> None:
        """Silences every connection there is, for good. New ones work."""
        for relay in self._relays:
            relay.cancel()

    def freeze_new(self) -> None:
        """Silences connections that are still to be made."""
        self._thawed.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        ends = [writer]
        try:
            await self._thawed.wait()
            there_reader, there_writer = await asyncio.open_unix_connection(self._target)
            ends.append(there_writer)
            relays = [
                asyncio.create_task(_relay(reader, there_writer)),
                asyncio.create_task(_relay(there_reader, writer)),
            ]
            self._relays.update(relays)
            await asyncio.wait(relays)
            # Only the end of the test closes what is frozen.
            if any(relay.cancelled() for relay in relays):
                await asyncio.get_running_loop().create_future()
        finally:
            for end in ends:
                end.transport.abort()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def freezing(postgres: PostgresServer) -> AsyncIterator[Freezer]:
    """Runs a proxy until the end of the block."""
    freezer = Freezer(postgres)
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        await freezer._serve(reader, writer)

    freezer._server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield freezer
    finally:
        freezer._server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
