"""What a stream has to say to a reader that may be slow.

Progress merges while the reader does not read. Failures that do not fit into memory are dropped and read again from the
session when their turn comes; where that cannot be, the stream waits for its reader.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from dashboardcatalog.v1 import bulk_pb2

MAX_HELD_BYTES = 3 * 1024 * 1024
# How long a stream that fails waits for its reader to take what was acknowledged before.
_LAST_SECONDS = 1.0

Send = Callable[[bulk_pb2.BulkUpsertResponse], Awaitable[None]]
Reload = Callable[[int, int], Awaitable[list[bulk_pb2.BulkUpsertResult]]]
"""Returns the first of the results with offsets from one number and below another; none if there are none."""


class Outbox:
    """Sends the responses of a stream in order, while the stream goes on.

    A context manager: leaving it by a failure still tells what is held to a client that reads.

    Args:
        send: Sends one response; waits while the client does not read.
        reload: Reads results again; None where nobody keeps them, then the stream waits for its reader.
    """

    def __init__(self, send: Send, reload: Reload | None) -> None:
        self._send = send
        self._reload = reload
        self._held: deque[bulk_pb2.BulkUpsertResult] = deque()
        self._held_bytes = 0
        # From here on, results are no longer held.
        self._dropped_from: int | None = None
        self._durable = 0
        self._untold = False
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

    async def progress(self, first: int, next_offset: int, results: Iterable[bulk_pb2.BulkUpsertResult]) -> None:
        """Tells that everything below `next_offset` is durable.

        Args:
            first: Offset of the first item that the results are about.
        """
        async with self._changed:
            if self._reload is None:
                await self._changed.wait_for(lambda: self._held_bytes <= MAX_HELD_BYTES or self._sending.done())
            if self._sending.done():
                self._sending.result()
            self._hold(first, results)
            self._durable, self._untold = next_offset, True
            self._changed.notify_all()

    def _hold(self, first: int, results: Iterable[bulk_pb2.BulkUpsertResult]) -> None:
        if self._dropped_from is not None:
            return
        if self._reload is not None and self._held_bytes > MAX_HELD_BYTES:
            self._dropped_from = first
            return
        for result in results:
            self._held.append(result)
            self._held_bytes += _size(result)

    async def close(self) -> None:
        """Returns when everything has been sent."""
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
        """Takes the next response; its offset is never above a result that is still to come. None at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._untold or self._closing)
            if self._held:
                return self._taken()
            if self._dropped_from is None:
                told, self._untold = self._untold, False
                return bulk_pb2.BulkUpsertProgress(next_offset=self._durable) if told else None
            first, end = self._dropped_from, self._durable
        return await self._reloaded(first, end)

    def _taken(self) -> bulk_pb2.BulkUpsertProgress:
        """Takes as many of the held results as fit into a response."""
        taken: list[bulk_pb2.BulkUpsertResult] = []
        size = 0
        while self._held and (not taken or size + _size(self._held[0]) <= MAX_HELD_BYTES):
            taken.append(self._held.popleft())
            size += _size(taken[-1])
        self._held_bytes -= size
        self._changed.notify_all()
        if self._held:
            return bulk_pb2.BulkUpsertProgress(next_offset=self._held[0].offset, results=taken)
        if self._dropped_from is not None:
            return bulk_pb2.BulkUpsertProgress(next_offset=self._dropped_from, results=taken)
        self._untold = False
        return bulk_pb2.BulkUpsertProgress(next_offset=self._durable, results=taken)

    async def _reloaded(self, first: int, end: int) -> bulk_pb2.BulkUpsertProgress:
        results = await self._reload(first, end) if self._reload else []
        async with self._changed:
            if results:
                self._dropped_from = results[-1].offset + 1
            elif end == self._durable:
                # Caught up: what comes from now on is held again.
                self._dropped_from, self._untold = None, False
            else:
                self._dropped_from = end
            return bulk_pb2.BulkUpsertProgress(next_offset=self._dropped_from or end, results=results)


def _size(result: bulk_pb2.BulkUpsertResult) -> int:
    return result.ByteSize() + 8
