"""The stream that loads many items: messages in, chunks through the write path, progress and a summary out."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import structlog

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.directory import Assumed
from dashboard_catalog.catalog.pipeline import Batch, Result, Write
from dashboard_catalog.errors import CatalogError, Reason, Violation, ViolationReason, invalid
from dashboard_catalog.rpc.bulk_items import LIMITS, Item, read_item, result_of
from dashboard_catalog.rpc.bulk_options import BulkOptions
from dashboard_catalog.rpc.call import current_call
from dashboard_catalog.rpc.outbox import Outbox, Send
from dashboards.v1 import bulk_pb2

_log = structlog.get_logger("dashboard_catalog.audit")

FAILED = "failed"


class BulkStream:
    """One call of BulkUpsert.

    Args:
        send: Sends one response; waits while the client does not read.
    """

    def __init__(self, catalog: Catalog, send: Send) -> None:
        self._catalog = catalog
        self._send = send
        self._options = BulkOptions(bulk_pb2.BulkUpsertOptions())
        self._assumed: Assumed | None = None
        self._next_offset = 0
        self._finish: bulk_pb2.BulkUpsertFinish | None = None
        self._outcomes: Counter[str] = Counter()
        self._ended = False

    async def run(self, requests: AsyncIterator[bulk_pb2.BulkUpsertRequest]) -> None:
        """Serves the stream to its end.

        Raises:
            CatalogError: For what ends the stream; items that fail are results.
        """
        first = await anext(requests, bulk_pb2.BulkUpsertRequest())
        await self._start(first)
        try:
            await self._serve(first, requests)
        finally:
            self._log_end()

    async def _serve(
        self, first: bulk_pb2.BulkUpsertRequest, requests: AsyncIterator[bulk_pb2.BulkUpsertRequest]
    ) -> None:
        async with Outbox(self._send, waits=self._options.all_results) as outbox:
            await self._apply(first, outbox)
            async for request in requests:
                self._check_order(request)
                await self._apply(request, outbox)
            self._check_total()
            await self._end(outbox)

    async def _start(self, first: bulk_pb2.BulkUpsertRequest) -> None:
        self._options = BulkOptions(first.options)
        self._assumed = Assumed() if self._options.validate_only else None
        started = bulk_pb2.BulkUpsertStarted(
            session_id=str(self._options.session_id), next_offset=self._next_offset, limits=LIMITS
        )
        await self._send(bulk_pb2.BulkUpsertResponse(started=started))

    async def _apply(self, request: bulk_pb2.BulkUpsertRequest, outbox: Outbox) -> None:
        """Applies one message, which is one transaction, and tells what became of it."""
        items = self._new_items(request)
        results = await self._write(items) if items else []
        told = [
            result_of(item, result)
            for item, result in zip(items, results, strict=True)
            if self._options.all_results or isinstance(result, CatalogError)
        ]
        self._next_offset += len(items)
        if request.items:
            await outbox.progress(self._next_offset, told)
        self._finish = request.finish if request.HasField("finish") else None
        if self._outcomes[FAILED] > self._options.max_failures:
            await self._end(outbox)
            failed = self._outcomes[FAILED]
            raise CatalogError(
                Reason.TOO_MANY_FAILURES,
                f"{failed} items failed, more than max_failures {self._options.max_failures}",
                metadata={"failed": str(failed)},
                resource=("session", str(self._options.session_id)),
            )

    def _new_items(self, request: bulk_pb2.BulkUpsertRequest) -> list[Item]:
        """Returns the items of a message that lie at or above the next offset, each at its place in the stream."""
        if len(request.items) > LIMITS.max_message_items:
            limit, size = LIMITS.max_message_items, len(request.items)
            raise CatalogError(
                Reason.MESSAGE_TOO_LARGE,
                f"a message must hold at most {limit} items, has {size}",
                metadata={"limit": str(limit), "size": str(size)},
                resource=("message", "items"),
            )
        offset = request.offset if request.HasField("offset") else self._next_offset
        if offset < 0:
            raise _refused("offset", ViolationReason.OUT_OF_RANGE, "must not be negative")
        if offset > self._next_offset:
            raise CatalogError(
                Reason.OFFSET_GAP,
                f"the next offset is {self._next_offset}, not {offset}",
                metadata={"next_offset": str(self._next_offset)},
            )
        known = self._next_offset - offset
        return [
            read_item(offset + place, item, self._options) for place, item in enumerate(request.items) if place >= known
        ]

    async def _write(self, items: Sequence[Item]) -> list[Result]:
        """Writes the items that could be read, and returns what became of each of all."""
        writes: list[Write] = [item.write for item in items if not isinstance(item.write, CatalogError)]
        batch = Batch(writes, validate_only=self._options.validate_only, assumed=self._assumed, is_chunk=True)
        batch.failed = [(item.kind, item.fqn) for item in items if isinstance(item.write, CatalogError)]
        written = iter(await self._catalog.write_chunk(batch) if writes else ())
        results = [item.write if isinstance(item.write, CatalogError) else next(written) for item in items]
        for result in results:
            self._outcomes[FAILED if isinstance(result, CatalogError) else result.outcome.lower()] += 1
        return results

    def _check_order(self, request: bulk_pb2.BulkUpsertRequest) -> None:
        if request.HasField("options"):
            raise _refused("options", ViolationReason.INVALID_VALUE, "stand in the first message only")
        if self._finish is not None:
            raise _refused("finish", ViolationReason.INVALID_VALUE, "stands in the last message only")

    def _check_total(self) -> None:
        if self._finish is None or not self._finish.HasField("total_items"):
            return
        if self._finish.total_items != self._next_offset:
            text = f"is {self._finish.total_items}, but {self._next_offset} items came"
            raise _refused("finish.total_items", ViolationReason.INVALID_VALUE, text)

    async def _end(self, outbox: Outbox) -> None:
        """Sends what is held, then the summary."""
        await outbox.close()
        self._ended = True
        summary = bulk_pb2.BulkUpsertSummary()
        for name in _COUNTS:
            setattr(summary, name, self._outcomes[name])
        await self._send(bulk_pb2.BulkUpsertResponse(summary=summary))

    def _log_end(self) -> None:
        """Leaves the audit line of the stream, however it ended."""
        call = current_call()
        _log.info(
            "bulk_ended",
            subject=call.principal.subject,
            call_id=call.id,
            session=str(self._options.session_id),
            validate_only=self._options.validate_only,
            complete=self._ended,
            items=self._next_offset,
            **{name: self._outcomes[name] for name in _COUNTS},
        )


_COUNTS = ("created", "updated", "unchanged", "restored", "suppressed", FAILED)


def _refused(field: str, reason: ViolationReason, text: str) -> CatalogError:
    return invalid([Violation(field, reason, text)])
