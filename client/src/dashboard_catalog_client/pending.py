"""The chunks of a load that the server has not acknowledged, kept to be sent again.

Knows offsets and chunks, not connections.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

from dashboard_catalog_client.chunks import Item
from dashboardcatalog.v1 import bulk_pb2

# Number of chunks to send ahead; enough to keep the server busy.
CHUNKS_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class Chunk:
    """One message of the stream.

    Attributes:
        offset: Position of its first item in the load.
        items: Its items.
    """

    offset: int
    items: list[Item]

    @property
    def end(self) -> int:
        """Position after its last item."""
        return self.offset + len(self.items)

    def after(self, offset: int) -> "Chunk":
        """Returns the part of it that begins at an offset."""
        return Chunk(offset, self.items[offset - self.offset :])

    def request(self) -> bulk_pb2.BulkUpsertRequest:
        """Returns it as a message of the contract."""
        return bulk_pb2.BulkUpsertRequest(offset=self.offset, items=[item.sent for item in self.items])


class Pending:
    """The chunks that were read from the source and that the server has not acknowledged.

    Attributes:
        acknowledged: The server has processed all items below this offset.
        end: All items below this offset have been read from the source.
        is_exhausted: Whether the source has no more items.
    """

    def __init__(self, source: AsyncGenerator[list[Item], None]) -> None:
        self.acknowledged = 0
        self.end = 0
        self.is_exhausted = False
        self._source = source
        self._chunks: deque[Chunk] = deque()
        self._reading: asyncio.Task[list[Item] | None] | None = None
        self._room = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Whether everything is acknowledged, and the source may have more."""
        return not self._chunks and not self.is_exhausted

    @property
    def is_done(self) -> bool:
        """Whether everything is acknowledged, and the source has no more."""
        return not self._chunks and self.is_exhausted

    async def after(self, offset: int) -> Chunk | None:
        """Returns the next chunk for a connection that has sent everything below an offset; None if there is no more.

        Waits while too many chunks are not acknowledged.
        """
        for chunk in self._chunks:
            if chunk.offset >= offset:
                return chunk
        while len(self._chunks) >= CHUNKS_IN_FLIGHT:
            self._room.clear()
            await self._room.wait()
        items = None if self.is_exhausted else await self._read()
        if items is None:
            self.is_exhausted = True
            return None
        chunk = Chunk(self.end, items)
        self.end = chunk.end
        self._chunks.append(chunk)
        return chunk

    async def _read(self) -> list[Item] | None:
        # In a task that outlives the connection: a source that is cancelled cannot be read further.
        if self._reading is None:
            self._reading = asyncio.create_task(self._next())
        await asyncio.wait([self._reading])
        reading, self._reading = self._reading, None
        return reading.result()

    async def _next(self) -> list[Item] | None:
        return await anext(self._source, None)

    def item_at(self, offset: int) -> Item:
        """Returns the item at an offset that is not acknowledged."""
        chunk = next(chunk for chunk in self._chunks if chunk.offset <= offset < chunk.end)
        return chunk.items[offset - chunk.offset]

    def acknowledge(self, next_offset: int) -> bool:
        """Forgets the items below an offset, and says whether there were any."""
        # A session that another process began may be further than this load has read; its failures are still to come.
        next_offset = min(next_offset, self.end)
        if next_offset <= self.acknowledged:
            return False
        self.acknowledged = next_offset
        while self._chunks and self._chunks[0].end <= next_offset:
            self._chunks.popleft()
        if self._chunks and self._chunks[0].offset < next_offset:
            self._chunks[0] = self._chunks[0].after(next_offset)
        self._room.set()
        return True

    async def close(self) -> None:
        """Stops reading the source."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._reading
        await self._source.aclose()
