"""The stream that loads many items: messages come in, chunks go down the write path, progress and a summary go out.

While one chunk is written, the next one is read and checked. No more than that is in flight.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Self

from dashboard_catalog.catalog.bulk.counts import FAILED, counts_of
from dashboard_catalog.catalog.bulk.rehearsal import Rehearsal
from dashboard_catalog.catalog.bulk.session import Session
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.commands import ChunkItem, DeferredUpsert, Unchanged
from dashboard_catalog.contract.bulk_items import read_item
from dashboard_catalog.contract.bulk_options import BulkOptions
from dashboard_catalog.contract.bulk_responses import failure_result, item_result, started_response, summary_response
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.metrics.declared import BulkMetrics
from dashboard_catalog.rpc.bulk_order import MessageOrder, refused
from dashboard_catalog.rpc.outbox import Outbox, Send
from dashboard_catalog.tracing.spans import Spans
from dashboardcatalog.v1 import bulk_pb2

# Statuses of 4 KiB that fit into one response. The server holds them while the client does not read.
_RELOADED_AT_ONCE = 30
# After each of these batches the write in flight goes on. Smaller batches let the database wait less.
_READ_AT_ONCE = 10

Requests = AsyncIterator[bulk_pb2.BulkUpsertRequest]


async def serve_bulk(
    catalog: Catalog, chunks: asyncio.Semaphore, requests: Requests, caller: Caller, send: Send
) -> None:
    """Serves one call of BulkUpsert to its end.

    Args:
        chunks: Limits how many chunks of all streams are in memory as items at once. The database takes only a few.
        send: Sends one response. Waits while the client does not read.

    Raises:
        CatalogError: If the stream fails. Items that fail are results.
    """
    messages = await _Messages.begin(requests)
    options = BulkOptions(messages.options, caller)
    session = await catalog.sessions.open(options.session_request(), validate_only=options.validate_only)
    try:
        await send(started_response(session.record))
        await _serve(_Stream(options, session, chunks, catalog.metrics.bulk, catalog.spans), messages, send)
    finally:
        catalog.recent_writes.add(caller.principal, session.advanced)
        await session.close()


async def _serve(stream: "_Stream", messages: "_Messages", send: Send) -> None:
    async with Outbox(send, stream.reload if stream.may_drop_results else None) as outbox:
        try:
            await stream.run(messages, outbox)
        except CatalogError as error:
            if error.reason is Reason.TOO_MANY_FAILURES:
                await outbox.close()
                await send(summary_response(stream.session.record))
            raise
        await outbox.close()
        await send(summary_response(stream.session.record))


class _Messages:
    """The messages of one call. It keeps none that has been taken: a stream may wait for its reader for long."""

    def __init__(self, requests: Requests, first: bulk_pb2.BulkUpsertRequest) -> None:
        self._requests = requests
        self._first: bulk_pb2.BulkUpsertRequest | None = first

    @classmethod
    async def begin(cls, requests: Requests) -> Self:
        """Waits for the first message; one without anything if there is none."""
        return cls(requests, await anext(requests, bulk_pb2.BulkUpsertRequest()))

    @property
    def options(self) -> bulk_pb2.BulkUpsertOptions:
        """The options in the first message, before it is taken."""
        return self._first.options if self._first else bulk_pb2.BulkUpsertOptions()

    async def take(self) -> bulk_pb2.BulkUpsertRequest | None:
        """Returns the next message, or None at the end."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await anext(self._requests, None)


class _Stream:
    """The messages of one call. Each is a chunk of its session."""

    def __init__(
        self,
        options: BulkOptions,
        session: Session | Rehearsal,
        chunks: asyncio.Semaphore,
        metrics: BulkMetrics,
        spans: Spans | None,
    ) -> None:
        self._options = options
        self._spans = spans
        self._chunks = chunks
        self._queue = metrics.queue
        self.session = session
        self._order = MessageOrder(session.record.next_offset)
        self._writing: asyncio.Task[None] | None = None
        # Whether most items of the last chunk had to be read.
        self._mostly_new = False

    @property
    def may_drop_results(self) -> bool:
        """Whether results that do not fit into memory can be read again. The session keeps failures only."""
        return not self._options.all_results

    async def run(self, messages: _Messages, outbox: Outbox) -> None:
        """Writes every message, then finishes the session."""
        try:
            while await self._take_next(messages, outbox):
                pass
            await self._written()
            self._check_failures()
        except CatalogError:
            if self._writing is not None:
                # The message after this chunk is at fault, not the chunk.
                with suppress(CatalogError):
                    await asyncio.shield(self._writing)
            raise
        record = self.session.record
        self._order.check_total(record.next_offset, required=self._options.sweeps and not record.finished)
        await self.session.finish()

    async def reload(self, first: int, end: int) -> list[bulk_pb2.BulkUpsertResult]:
        """Returns results of refused items that the session keeps."""
        found = await self.session.failures(first, end, _RELOADED_AT_ONCE)
        call_id = self._options.writer.call_id
        return [failure_result(*failure, call_id) for failure in found]

    async def _take_next(self, messages: _Messages, outbox: Outbox) -> bool:
        """Begins to write the next message. Returns whether there was one."""
        request = await self._next(messages, outbox)
        if request is None:
            return False
        self._order.check_follows(request)
        await self._take(request, outbox)
        return True

    async def _next(self, messages: _Messages, outbox: Outbox) -> bulk_pb2.BulkUpsertRequest | None:
        """Returns the next message, or None at the end. Does not wait for it if the chunk in flight fails."""

        async def next_message() -> bulk_pb2.BulkUpsertRequest | None:
            await outbox.read()
            return await messages.take()

        coming = asyncio.create_task(next_message())
        try:
            if self._writing is not None:
                await asyncio.wait({coming, self._writing}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    await self._written()
            return await coming
        finally:
            coming.cancel()

    async def _take(self, request: bulk_pb2.BulkUpsertRequest, outbox: Outbox) -> None:
        """Reads one message when it is its turn, and begins to write it when the one before has been written."""
        first, end = self._order.place(request)
        await self._chunks.acquire()
        # What only validates is not among the items that were written, with which an alert compares the queue.
        count = 0 if self._options.validate_only else len(request.items)
        self._queue.inc(count)
        writing = None
        try:
            writing = await self._begin(request, first, end, outbox)
        finally:
            if writing is None:
                self._leave(count)
            else:
                writing.add_done_callback(partial(self._chunk_ended, count))

    def _leave(self, count: int) -> None:
        self._chunks.release()
        self._queue.dec(count)

    def _chunk_ended(self, count: int, writing: asyncio.Task[None]) -> None:
        self._leave(count)
        # Nobody is left to learn how it ended if the client has gone.
        if not writing.cancelled():
            writing.exception()

    async def _begin(
        self, request: bulk_pb2.BulkUpsertRequest, first: int, end: int, outbox: Outbox
    ) -> asyncio.Task[None] | None:
        known = min(self._order.accepted, end)
        items = await self._read(request.items[known - first :], known)
        await self._written()
        if first < known:
            await self._repeat(first, known, outbox)
        if first < known and not items:
            await outbox.progress(known, known, ())
        if items and self.session.record.finished:
            raise refused("items", ViolationReason.INVALID_VALUE, "the session has finished; begin another")
        if not items:
            return None
        # Only now: a client that resumes a session past its limit first gets the results that it has missed.
        self._check_failures()
        self._order.accepted = end
        self._writing = asyncio.create_task(self._write(items, outbox))
        return self._writing

    async def _read(self, sent: Iterable[bulk_pb2.BulkUpsertItem], offset: int) -> list[ChunkItem]:
        """Reads items while the chunk before them is written.

        Upserts that probably change nothing stay deferred, since most of them need not be read.
        """
        items = []
        for place, one in enumerate(sent):
            if place % _READ_AT_ONCE == 0:
                await asyncio.sleep(0)
            item = read_item(offset + place, one, self._options)
            if self._mostly_new and isinstance(item.write, DeferredUpsert):
                item.write.read_ahead()
            items.append(item)
        return items

    async def _written(self) -> None:
        """Returns when the chunk that is in flight has been written."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            # The database finishes a chunk also for a client that has gone, so the chunk keeps its place until then.
            await asyncio.shield(writing)
            self._check_failures()

    def _check_failures(self) -> None:
        failed = counts_of(self.session.record)[FAILED]
        if failed > self._options.max_failures:
            raise CatalogError(
                Reason.TOO_MANY_FAILURES,
                f"{failed} items failed, more than max_failures {self._options.max_failures}",
                metadata={"failed": str(failed)},
                resource=("session", str(self.session.record.id)),
            )

    async def _write(self, items: Sequence[ChunkItem], outbox: Outbox) -> None:
        with self._traced(items):
            results = await self.session.write(items)
        self._mostly_new = sum(isinstance(result, Unchanged) for result in results) * 2 < len(results)
        call_id = self._options.writer.call_id
        shown = (
            item_result(item, result, call_id)
            for item, result in zip(items, results, strict=True)
            if self._options.all_results or isinstance(result, CatalogError) or result.left_out
        )
        await outbox.progress(items[0].offset, self.session.record.next_offset, shown)

    def _traced(self, items: Sequence[ChunkItem]) -> AbstractContextManager[None]:
        """Returns a block with the span of a chunk, if there are spans."""
        if self._spans is None:
            return nullcontext()
        of_chunk = {"dashboard_catalog.chunk.size": len(items), "dashboard_catalog.chunk.offset": items[0].offset}
        return self._spans.within("chunk", of_chunk)

    async def _repeat(self, first: int, end: int, outbox: Outbox) -> None:
        """Sends the failures of items again that were written before."""
        while results := await self.reload(first, end):
            # The offset must not pass results that are still to be sent.
            await outbox.progress(first, results[-1].offset + 1, results)
            first = results[-1].offset + 1
