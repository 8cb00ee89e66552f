"""What a stream has to say to a reader that may be slow.

Progress merges while the reader does not read; the stream waits only when the results that are held grow too large. So
a client that sends everything before it reads anything is served.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

from dashboards.v1 import bulk_pb2

MAX_HELD_BYTES = 3 * 1024 * 1024

Send = Callable[[bulk_pb2.BulkUpsertResponse], Awaitable[None]]


class Outbox:
    """Sends the responses of a stream in order, while the stream goes on.

    A context manager: leaving it by an exception drops what is held.

    Args:
        send: Sends one response; waits while the client does not read.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: deque[bulk_pb2.BulkUpsertResult] = deque()
        self._held_bytes = 0
        self._next_offset: int | None = None
        self._changed = asyncio.Condition()
        self._closing = False
        self._sending = asyncio.create_task(self._run())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._sending.cancel()

    async def progress(self, next_offset: int, results: Iterable[bulk_pb2.BulkUpsertResult]) -> None:
        """Tells that everything below `next_offset` is durable; waits while too much is held."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._held_bytes <= MAX_HELD_BYTES or self._sending.done())
            if self._sending.done():
                self._sending.result()
            for result in results:
                self._held.append(result)
                self._held_bytes += _size(result)
            self._next_offset = next_offset
            self._changed.notify_all()

    async def close(self) -> None:
        """Returns when everything that is held has been sent."""
        async with self._changed:
            self._closing = True
            self._changed.notify_all()
        await self._sending

    async def _run(self) -> None:
        try:
            while (progress := await self._next()) is not None:
                await self._send(bulk_pb2.BulkUpsertResponse(progress=progress))
        finally:
            # Whoever waits for room must learn that nobody makes any.
            async with self._changed:
                self._changed.notify_all()

    async def _next(self) -> bulk_pb2.BulkUpsertProgress | None:
        """Takes as much as fits into one response; the new offset goes with the last of it. None at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._next_offset is not None or self._closing)
            if self._next_offset is None:
                return None
            taken: list[bulk_pb2.BulkUpsertResult] = []
            size = 0
            while self._held and (not taken or size + _size(self._held[0]) <= MAX_HELD_BYTES):
                taken.append(self._held.popleft())
                size += _size(taken[-1])
            self._held_bytes -= size
            self._changed.notify_all()
            if self._held:
                return bulk_pb2.BulkUpsertProgress(next_offset=self._held[0].offset, results=taken)
            next_offset, self._next_offset = self._next_offset, None
            return bulk_pb2.BulkUpsertProgress(next_offset=next_offset, results=taken)


def _size(result: bulk_pb2.BulkUpsertResult) -> int:
    return result.ByteSize() + 8
