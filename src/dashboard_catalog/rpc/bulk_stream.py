"""The stream that loads many items: messages in, chunks through the write path, progress and a summary out.

While one chunk is written, the next is read and checked; never more than that is in flight.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress

from dashboard_catalog.catalog.bulk.counts import FAILED, counts_of
from dashboard_catalog.catalog.bulk.rehearsal import Rehearsal
from dashboard_catalog.catalog.bulk.session import Session
from dashboard_catalog.catalog.bulk.sweep import SweepResult
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.commands import ChunkItem, DeferredUpsert, Unchanged
from dashboard_catalog.contract.bulk_items import LIMITS, failure_result, read_item, result_of
from dashboard_catalog.contract.bulk_options import BulkOptions
from dashboard_catalog.errors import CatalogError, Reason, Violation, ViolationReason, invalid
from dashboard_catalog.rpc.outbox import Outbox, Send
from dashboardcatalog.v1 import bulk_pb2

_COUNTS = ("created", "updated", "unchanged", "restored", "suppressed", FAILED)
# So many statuses of 4 KiB fit into a response.
_RELOADED_AT_ONCE = 500
# Between them the write that is in flight goes on: the more often, the less does the database wait for it.
_READ_AT_ONCE = 10


async def serve_bulk(catalog: Catalog, requests: AsyncIterator[bulk_pb2.BulkUpsertRequest], send: Send) -> None:
    """Serves one call of BulkUpsert to its end.

    Args:
        send: Sends one response; waits while the client does not read.

    Raises:
        CatalogError: For what ends the stream; items that fail are results.
    """
    first = await anext(requests, bulk_pb2.BulkUpsertRequest())
    options = BulkOptions(first.options)
    session = await catalog.open_session(options.session_request(), validate_only=options.validate_only)
    try:
        await _serve(_Stream(options, session), first, requests, send)
    finally:
        await session.close()


async def _serve(
    stream: "_Stream",
    first: bulk_pb2.BulkUpsertRequest,
    requests: AsyncIterator[bulk_pb2.BulkUpsertRequest],
    send: Send,
) -> None:
    await send(stream.started())
    async with Outbox(send, stream.reload if stream.may_drop_results else None) as outbox:
        try:
            await stream.run(first, requests, outbox)
        except CatalogError as error:
            if error.reason is Reason.TOO_MANY_FAILURES:
                await outbox.close()
                await send(stream.summary())
            raise
        await outbox.close()
        await send(stream.summary())


class _Stream:
    """The messages of one call, each a chunk of its session."""

    def __init__(self, options: BulkOptions, session: Session | Rehearsal) -> None:
        self._options = options
        self._session = session
        # Offset of the next message, where it does not say.
        self._position = 0
        # Everything below has been written or is being written.
        self._accepted = session.record.next_offset
        self._finish: bulk_pb2.BulkUpsertFinish | None = None
        self._writing: asyncio.Task[None] | None = None
        # Whether most items of the last chunk had to be read.
        self._mostly_new = False

    @property
    def may_drop_results(self) -> bool:
        """Whether results that do not fit into memory can be read again: the session keeps failures, nothing else."""
        return not self._options.all_results

    def started(self) -> bulk_pb2.BulkUpsertResponse:
        """Returns the first response."""
        record = self._session.record
        started = bulk_pb2.BulkUpsertStarted(session_id=str(record.id), next_offset=record.next_offset, limits=LIMITS)
        return bulk_pb2.BulkUpsertResponse(started=started)

    def summary(self) -> bulk_pb2.BulkUpsertResponse:
        """Returns the last response."""
        summary = bulk_pb2.BulkUpsertSummary()
        counts = counts_of(self._session.record)
        for name in _COUNTS:
            setattr(summary, name, counts[name])
        if swept := SweepResult.of(self._session.record):
            summary.sweep.outcome = bulk_pb2.SweepOutcome.Value(f"SWEEP_OUTCOME_{swept.outcome}")
            summary.sweep.deleted = swept.deleted
            summary.sweep.would_delete = swept.would_delete
            summary.sweep.sample.extend(swept.sample)
        return bulk_pb2.BulkUpsertResponse(summary=summary)

    async def run(
        self,
        first: bulk_pb2.BulkUpsertRequest,
        requests: AsyncIterator[bulk_pb2.BulkUpsertRequest],
        outbox: Outbox,
    ) -> None:
        """Writes everything that comes, then finishes the session."""
        try:
            await self._take(first, outbox)
            while (request := await self._next(requests)) is not None:
                self._check_order(request)
                await self._take(request, outbox)
            await self._written()
            self._check_failures()
        except CatalogError:
            if self._writing is not None:
                # The message that follows it is at fault, not this chunk.
                with suppress(CatalogError):
                    await self._writing
            raise
        except asyncio.CancelledError:
            if self._writing is not None:
                self._writing.cancel()
            raise
        self._check_total()
        await self._session.finish()

    async def reload(self, first: int, end: int) -> list[bulk_pb2.BulkUpsertResult]:
        """Returns results of refused items that the session keeps."""
        found = await self._session.failures(first, end, _RELOADED_AT_ONCE)
        return [failure_result(*failure) for failure in found]

    async def _next(self, requests: AsyncIterator[bulk_pb2.BulkUpsertRequest]) -> bulk_pb2.BulkUpsertRequest | None:
        """Returns the next message, None at the end; a chunk that fails meanwhile is not kept until one comes."""
        coming = asyncio.ensure_future(anext(requests, None))
        try:
            if self._writing is not None:
                await asyncio.wait({coming, self._writing}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    await self._written()
            return await coming
        finally:
            coming.cancel()

    async def _take(self, request: bulk_pb2.BulkUpsertRequest, outbox: Outbox) -> None:
        """Reads one message, and begins to write it when the one before is written."""
        first = self._offset_of(request)
        end = first + len(request.items)
        self._position = end
        known = min(self._accepted, end)
        items = await self._read(request.items[known - first :], known)
        await self._written()
        if first < known:
            await self._repeat(first, known, outbox)
        if first < known and not items:
            await outbox.progress(known, known, ())
        if items and self._session.record.finished:
            raise _refused("items", ViolationReason.INVALID_VALUE, "the session has finished; begin another")
        if items:
            # Not before: a client that goes on with a session past its limit hears what it has not yet heard.
            self._check_failures()
            self._accepted = end
            self._writing = asyncio.create_task(self._write(items, outbox))
        self._finish = request.finish if request.HasField("finish") else None

    async def _read(self, sent: Iterable[bulk_pb2.BulkUpsertItem], offset: int) -> list[ChunkItem]:
        """Reads items while the chunk before is written: what is likely to be recognised only as far as that takes."""
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
            await writing
            self._check_failures()

    def _check_failures(self) -> None:
        failed = counts_of(self._session.record)[FAILED]
        if failed > self._options.max_failures:
            raise CatalogError(
                Reason.TOO_MANY_FAILURES,
                f"{failed} items failed, more than max_failures {self._options.max_failures}",
                metadata={"failed": str(failed)},
                resource=("session", str(self._session.record.id)),
            )

    async def _write(self, items: Sequence[ChunkItem], outbox: Outbox) -> None:
        results = await self._session.write(items)
        self._mostly_new = sum(isinstance(result, Unchanged) for result in results) * 2 < len(results)
        told = [
            result_of(item, result)
            for item, result in zip(items, results, strict=True)
            if self._options.all_results or isinstance(result, CatalogError)
        ]
        await outbox.progress(items[0].offset, self._session.record.next_offset, told)

    async def _repeat(self, first: int, end: int, outbox: Outbox) -> None:
        """Tells again which of the items that have been written were refused."""
        while results := await self.reload(first, end):
            # Not further than this: what is told as durable is told with all its results.
            await outbox.progress(first, results[-1].offset + 1, results)
            first = results[-1].offset + 1

    def _offset_of(self, request: bulk_pb2.BulkUpsertRequest) -> int:
        if len(request.items) > LIMITS.max_message_items:
            limit, size = LIMITS.max_message_items, len(request.items)
            raise CatalogError(
                Reason.MESSAGE_TOO_LARGE,
                f"a message must hold at most {limit} items, has {size}",
                metadata={"limit": str(limit), "size": str(size)},
                resource=("message", "items"),
            )
        offset = request.offset if request.HasField("offset") else self._position
        if offset < 0:
            raise _refused("offset", ViolationReason.OUT_OF_RANGE, "must not be negative")
        if offset > self._accepted:
            raise CatalogError(
                Reason.OFFSET_GAP,
                f"the next offset is {self._accepted}, not {offset}",
                metadata={"next_offset": str(self._accepted)},
            )
        return offset

    def _check_order(self, request: bulk_pb2.BulkUpsertRequest) -> None:
        if request.HasField("options"):
            raise _refused("options", ViolationReason.INVALID_VALUE, "stand in the first message only")
        if self._finish is not None:
            raise _refused("finish", ViolationReason.INVALID_VALUE, "stands in the last message only")

    def _check_total(self) -> None:
        total = self._finish.total_items if self._finish and self._finish.HasField("total_items") else None
        came = self._session.record.next_offset
        if total is None and self._options.sweeps and not self._session.record.finished:
            text = "is required with a sweep: how many items the whole stream holds"
            raise _refused("finish.total_items", ViolationReason.REQUIRED, text)
        if total is not None and total != came:
            raise _refused("finish.total_items", ViolationReason.INVALID_VALUE, f"is {total}, but {came} items came")


def _refused(field: str, reason: ViolationReason, text: str) -> CatalogError:
    return invalid([Violation(field, reason, text)])
