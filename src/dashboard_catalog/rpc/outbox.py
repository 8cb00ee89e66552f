"""What a stream has to say to a reader that may be slow.

Progress merges while the reader does not read. Failures are held until it does, however many a stream may have, so that
a client is served that sends everything before it reads anything; one that asks for all results must read as it sends.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from dashboards.v1 import bulk_pb2

MAX_HELD_BYTES = 3 * 1024 * 1024
# How long a stream that fails waits for its reader to take what was acknowledged before.
_LAST_SECONDS = 1.0

Send = Callable[[bulk_pb2.BulkUpsertResponse], Awaitable[None]]


class Outbox:
    """Sends the responses of a stream in order, while the stream goes on.

    A context manager: leaving it by a failure still tells what is held to a client that reads.

    Args:
        send: Sends one response; waits while the client does not read.
        waits: Whether `progress` waits while too much is held. Otherwise statuses lose their details then, and keep
            code and message.
    """

    def __init__(self, send: Send, *, waits: bool) -> None:
        self._send = send
        self._waits = waits
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
        if isinstance(error, Exception):
            with suppress(Exception):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self.close()
        self._sending.cancel()

    async def progress(self, next_offset: int, results: Iterable[bulk_pb2.BulkUpsertResult]) -> None:
        """Tells that everything below `next_offset` is durable."""
        async with self._changed:
            if self._waits:
                await self._changed.wait_for(lambda: not self._is_full() or self._sending.done())
            if self._sending.done():
                self._sending.result()
            for result in results:
                if self._is_full() and not self._waits:
                    del result.status.details[:]
                self._held.append(result)
                self._held_bytes += _size(result)
            self._next_offset = next_offset
            self._changed.notify_all()

    def _is_full(self) -> bool:
        return self._held_bytes > MAX_HELD_BYTES

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
