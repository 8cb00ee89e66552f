"""The responses of a stream whose reader may be slow.

While the client does not read, progress merges. Failures that do not fit into memory are dropped, and read again from
the session when it is their turn. If they cannot be read again, the stream must not go on before its reader has caught
up.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from dashboard_catalog.contract.limits import MAX_PROGRESS_BYTES
from dashboardcatalog.v1 import bulk_pb2

# A stream that cannot drop results may exceed it by those of two chunks.
MAX_HELD_BYTES = 2 * MAX_PROGRESS_BYTES
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
        reload: Reads results again. None if nobody keeps them; then the stream must wait until it is `read`.
    """

    def __init__(self, send: Send, reload: Reload | None) -> None:
        self._send = send
        self._reload = reload
        # Responses with results, which are more compact in them than alone.
        self._held: deque[bulk_pb2.BulkUpsertProgress] = deque()
        self._held_bytes = 0
        # Results from this offset on are not held.
        self._dropped_from: int | None = None
        self._durable = 0
        self._is_news = False
        self._is_sending = False
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
            self._check_sending()
            if self._dropped_from is None and self._reload is not None and self._held_bytes > MAX_HELD_BYTES:
                self._dropped_from = first
            if self._dropped_from is None:
                self._hold(next_offset, results)
            self._durable, self._is_news = next_offset, True
            self._changed.notify_all()

    async def read(self) -> None:
        """Returns when the client has taken everything, if what it has not taken cannot be read again."""
        if self._reload is None:
            async with self._changed:
                await self._changed.wait_for(lambda: self._sending.done() or not (self._held or self._is_sending))
                self._check_sending()

    def _check_sending(self) -> None:
        if self._sending.done():
            self._sending.result()

    def _hold(self, next_offset: int, results: Iterable[bulk_pb2.BulkUpsertResult]) -> None:
        size = self._held[-1].ByteSize() if self._held else 0
        for result in results:
            added = _size(result)
            if not self._held or size + added > MAX_PROGRESS_BYTES:
                if self._held:
                    self._held[-1].next_offset = result.offset
                self._held.append(bulk_pb2.BulkUpsertProgress())
                size = 0
            self._held[-1].results.append(result)
            size += added
            self._held_bytes += added
        if self._held:
            self._held[-1].next_offset = next_offset

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
            # Whoever waits for the reader must learn that there will be none.
            async with self._changed:
                self._changed.notify_all()

    async def _next(self) -> bulk_pb2.BulkUpsertProgress | None:
        """Takes the next response, or None at the end. Its offset never passes a result that is still to be sent."""
        async with self._changed:
            self._is_sending = False
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._is_news or self._closing)
            self._is_sending = True
            if self._held:
                return self._taken()
            if self._dropped_from is None:
                is_news, self._is_news = self._is_news, False
                return bulk_pb2.BulkUpsertProgress(next_offset=self._durable) if is_news else None
            first, end = self._dropped_from, self._durable
        return await self._reloaded(first, end)

    def _taken(self) -> bulk_pb2.BulkUpsertProgress:
        taken = self._held.popleft()
        self._held_bytes -= sum(map(_size, taken.results))
        if taken.next_offset == self._durable:
            self._is_news = False
        return taken

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
