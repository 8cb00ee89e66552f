"""The responses of a stream whose reader may be slow.

While the client does not read, progress merges. Failures that do not fit into memory are dropped, and read again from
the session when it is their turn. If they cannot be read again, the stream waits for its reader.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from dashboard_catalog.contract.limits import MAX_RESPONSE_BYTES
from dashboardcatalog.v1 import bulk_pb2

MAX_HELD_BYTES = MAX_RESPONSE_BYTES
# How long a stream that fails waits for its reader to take the progress before the failure.
_LAST_SECONDS = 1.0

Send = Callable[[bulk_pb2.BulkUpsertResponse], Awaitable[None]]
Reload = Callable[[int, int], Awaitable[list[bulk_pb2.BulkUpsertResult]]]
"""Returns the first of the results with offsets from one number and below another; an empty list if there are none."""


class Outbox:
    """Sends the responses of a stream in order, while the stream goes on.

    A context manager. A failure that leaves it lets a client that reads still get what is held.

    Args:
        send: Sends one response. Waits while the client does not read.
        reload: Reads results again. None if nobody keeps them; then the stream waits for its reader.
    """

    def __init__(self, send: Send, reload: Reload | None) -> None:
        self._send = send
        self._reload = reload
        self._held: deque[bulk_pb2.BulkUpsertResult] = deque()
        self._held_bytes = 0
        # Results from this offset on are not held.
        self._dropped_from: int | None = None
        self._durable = 0
        self._is_news = False
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
        """Takes the news that everything below `next_offset` is durable.

        Args:
            first: Offset of the first of these items. They include all items of the results.
        """
        async with self._changed:
            if self._reload is None:
                await self._changed.wait_for(lambda: self._held_bytes <= MAX_HELD_BYTES or self._sending.done())
            if self._sending.done():
                self._sending.result()
            self._hold(first, results)
            self._durable, self._is_news = next_offset, True
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
            # Whoever waits for room must learn that there will be none.
            async with self._changed:
                self._changed.notify_all()

    async def _next(self) -> bulk_pb2.BulkUpsertProgress | None:
        """Takes the next response, or None at the end. Its offset never passes a result that is still to be sent."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_news or self._closing)
            if self._held:
                return self._taken()
            if self._dropped_from is None:
                is_news, self._is_news = self._is_news, False
                return bulk_pb2.BulkUpsertProgress(next_offset=self._durable) if is_news else None
            first, end = self._dropped_from, self._durable
        return await self._reloaded(first, end)

    def _taken(self) -> bulk_pb2.BulkUpsertProgress:
        """Takes the held results that fit into one response."""
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
        self._is_news = False
        return bulk_pb2.BulkUpsertProgress(next_offset=self._durable, results=taken)

    async def _reloaded(self, first: int, end: int) -> bulk_pb2.BulkUpsertProgress:
        results = await self._reload(first, end) if self._reload else []
        async with self._changed:
            if results:
                self._dropped_from = results[-1].offset + 1
            elif end == self._durable:
                # The reader has caught up, so results are held again.
                self._dropped_from, self._is_news = None, False
            else:
                self._dropped_from = end
            return bulk_pb2.BulkUpsertProgress(next_offset=self._dropped_from or end, results=results)


def _size(result: bulk_pb2.BulkUpsertResult) -> int:
    return result.ByteSize() + 8
