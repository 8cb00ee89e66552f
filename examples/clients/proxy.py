"""A TCP proxy that breaks a connection in the middle, as networks do."""

import asyncio
from contextlib import closing

HOST = "127.0.0.1"
# Long enough for the server to write what it has and to acknowledge it, so that the client resumes in the middle.
SECONDS_STALLED = 0.5


class CuttingProxy:
    """Forwards bytes to `port`, and cuts one connection each time that `bytes_until_cut` is set.

    Attributes:
        bytes_until_cut: How many more bytes clients can send until the connection that sends them is cut; None if no
            connection is to be cut. That connection takes no more bytes, stalls for a moment, and is reset.
    """

    def __init__(self, port: int) -> None:
        self.bytes_until_cut: int | None = None
        self._port = port

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection of a client, until either side ends it."""
        server_reader, server_writer = await asyncio.open_connection(HOST, self._port)
        try:
            async with asyncio.TaskGroup() as passing:
                passing.create_task(self._pass(reader, server_writer, counted=True))
                passing.create_task(self._pass(server_reader, writer, counted=False))
        except* ConnectionError:
            # A reset rather than a clean end, as when a network breaks.
            writer.transport.abort()
            server_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        with closing(writer):
            while read := await reader.read(2**16):
                writer.write(read)
                await writer.drain()
                if counted and self._is_to_be_cut_after(len(read)):
                    await asyncio.sleep(SECONDS_STALLED)
                    raise ConnectionError("cut")

    def _is_to_be_cut_after(self, sent: int) -> bool:
        if self.bytes_until_cut is None:
            return False
        self.bytes_until_cut -= sent
        if self.bytes_until_cut > 0:
            return False
        self.bytes_until_cut = None
        return True
