"""A session of a bulk stream: it writes every item exactly once, whatever breaks on the way.

The row of a session commits together with each of its chunks, so it always says exactly what has been written. Only one
connection may write a session: the newest, whose id the row holds.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from dashboard_catalog.catalog import audit
from dashboard_catalog.catalog.bulk.counts import FAILED, add_counts, add_references, count_outcomes, counts_of
from dashboard_catalog.catalog.bulk.creation import Creation, MissingThings, Thing
from dashboard_catalog.catalog.bulk.failures import ItemFailure, failure_rows, keep_failures, read_failure
from dashboard_catalog.catalog.bulk.item_results import apply_chunk
from dashboard_catalog.catalog.bulk.mentions import Mentions
from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.bulk.sweep import SweepResult, sweep
from dashboard_catalog.catalog.model.commands import ChunkItem, Write
from dashboard_catalog.catalog.writing.pipeline import Pipeline, Result
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.metrics.declared import BulkMetrics
from dashboard_catalog.store import bulk_details as details
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import SessionRecord

T = TypeVar("T")


class Session:
    """A session, as seen by one of its connections.

    Args:
        record: The row of the session; its `connection` is the one that this object writes for.
        metrics: Counts what is written. The session counts as open until it is closed.

    Attributes:
        record: The row of the session after the last chunk that this connection has written.
        advanced: The last change number that this connection has written in each BI service; if the last commit failed,
            the one that it would have written.
    """

    def __init__(
        self,
        database: Database,
        pipeline: Pipeline,
        request: SessionRequest,
        record: SessionRecord,
        metrics: BulkMetrics,
    ) -> None:
        self._metrics = metrics
        self._metrics.sessions.inc()
        self._database = database
        self._pipeline = pipeline
        self._request = request
        self._connection = record.connection
        self._creation = Creation(request.creates_of) if request.creates_of else None
        self.record = record
        self.advanced: dict[UUID, int] = {}

    async def write(self, items: Sequence[ChunkItem]) -> list[Result]:
        """Writes the next items of the stream in one transaction and returns the result of each.

        Raises:
            CatalogError: FAILED_PRECONDITION if a newer connection has taken over, UNAVAILABLE if the database is away.
        """

        async def work(connection: WriteConnection) -> tuple[SessionRecord, list[Result]]:
            record = await self._lock(connection)
            missing: set[Thing] = set()
            results = await apply_chunk(items, lambda batch: self._pipeline.run(connection, batch), missing=missing)
            if self._creation and (writes := self._creation.writes_for(missing, items)):
                raise MissingThings(writes)
            await self._store_chunk(connection, record, items, results)
            return record, results

        began = time.perf_counter()
        self.record, results = await self._write(work)
        self._metrics.chunk_duration.observe(time.perf_counter() - began)
        counts = count_outcomes(results)
        self._count(counts, results)
        audit.log_denied_items(self._request.writer, results, self._pipeline.authorizer.metrics)
        audit.log_chunk(self._request.writer, counts)
        return results

    def _count(self, counts: Counter[str], results: Sequence[Result]) -> None:
        for outcome, count in counts.items():
            self._metrics.items.labels(outcome).inc(count)
        if counts[FAILED]:
            for reason, count in Counter(one.reason for one in results if isinstance(one, CatalogError)).items():
                self._metrics.failures.labels(reason).inc(count)

    async def _write(self, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        while True:
            try:
                return await self._database.write(work)
            except MissingThings as found:
                # Each thing is tried once, but others may remove more of what the chunk refers to.
                if self._creation:
                    await self._create(self._creation, found.writes)

    async def _create(self, creation: Creation, writes: Sequence[Write]) -> None:
        """Creates what a chunk refers to, as far as the caller may."""

        async def work(connection: WriteConnection) -> tuple[list[Write], list[Result]]:
            record = await self._lock(connection)
            created = await creation.run(connection, writes, lambda batch: self._pipeline.run(connection, batch))
            add_references(record, created[1])
            await self._save(connection, record)
            return created

        new, results = await self._database.write(work)
        audit.log_denied_items(self._request.writer, results, self._pipeline.authorizer.metrics)
        audit.log_writes(new, results)
        creation.finish(writes)

    async def failures(self, first: int, end: int, limit: int) -> list[ItemFailure]:
        """Returns at most `limit` refused items with offsets from `first` to below `end`, in their order."""
        async with self._database.read() as connection:
            rows = await details.failures(connection, self.record, first, end, limit)
        return [read_failure(row) for row in rows]

    async def finish(self) -> None:
        """Finishes the session, with a sweep if it asked for one; does nothing if it has finished before.

        Raises:
            CatalogError: As `write`.
        """
        if self.record.finished:
            return

        async def work(connection: WriteConnection) -> SessionRecord:
            record = await self._lock(connection)
            if record.sweeps:
                mentions = await Mentions.load(connection, record)
                swept = await sweep(connection, self._pipeline, self._request, record, mentions)
                swept.result.keep(record)
            await finish_session(connection, record)
            self.advanced.update(connection.advanced)
            return record

        self.record = await self._database.write(work)
        if swept := SweepResult.of(self.record):
            log_sweep(self._request, swept)
            self._metrics.sweeps.labels(swept.outcome).inc()

    async def close(self) -> None:
        """Ends the connection. An unfinished session no longer counts as running then, and can be resumed."""
        self._metrics.sessions.dec()
        counts = counts_of(self.record)
        audit.log_stream_end(self._request.writer, counts, validate_only=False, complete=self.record.finished)
        if not self.record.finished:
            # If the database is away, the session will count as broken off after a while.
            with suppress(CatalogError):
                await self._database.write(self._release)

    async def _release(self, connection: WriteConnection) -> None:
        record = await sessions.lock(connection, self.record.service_id, self.record.id)
        if record is not None and record.connection == self._connection:
            record.connection = None
            await sessions.save(connection, record)

    async def _lock(self, connection: WriteConnection) -> SessionRecord:
        """Locks the row of the session and returns it, if this connection may still write."""
        record = await sessions.lock(connection, self.record.service_id, self.record.id)
        if record is not None and record.reverted_at is not None:
            raise reverted(record)
        if record is None or record.connection != self._connection or record.next_offset != self.record.next_offset:
            raise CatalogError(
                Reason.SESSION_SUPERSEDED,
                "a newer connection writes this session; this one has ended",
                resource=("session", str(self.record.id)),
            )
        return record

    async def _store_chunk(
        self, connection: WriteConnection, record: SessionRecord, items: Sequence[ChunkItem], results: Sequence[Result]
    ) -> None:
        """Stores all that the session keeps of a chunk, and moves its locked row forward."""
        if failures := failure_rows(record, items, results):
            before = await details.failure_bytes_of(connection, record)
            if kept := keep_failures(record, failures, before):
                await details.add_failures(connection, kept)
        if record.sweeps:
            mentions = Mentions()
            mentions.add(items, await self._request.service_names(connection, record.service_id))
            await mentions.store(connection, record)
        add_counts(record, count_outcomes(results))
        record.next_offset += len(items)
        await self._save(connection, record)

    async def _save(self, connection: WriteConnection, record: SessionRecord) -> None:
        await _save_progress(connection, record)
        self.advanced.update(connection.advanced)


async def finish_session(connection: WriteConnection, record: SessionRecord) -> None:
    """Stores the row of a session that has written everything, its sweep included."""
    record.finished = True
    record.connection = None
    await _save_progress(connection, record)


async def _save_progress(connection: WriteConnection, record: SessionRecord) -> None:
    """Stores the locked row of a session after progress, with the numbers of what the transaction has changed."""
    for service_id, last in connection.advanced.items():
        first = record.changes.get(service_id.hex, (connection.locked_at[service_id].number + 1,))[0]
        record.changes = record.changes | {service_id.hex: [first, last]}
    record.updated_at = datetime.now(UTC)
    await sessions.save(connection, record)


def log_sweep(request: SessionRequest, swept: SweepResult) -> None:
    """Logs the sweep of a session after its commit."""
    audit.log_sweep(
        request.writer,
        request.service or "",
        outcome=swept.outcome,
        deleted=swept.deleted,
        would_delete=swept.would_delete,
    )


def reverted(record: SessionRecord) -> CatalogError:
    """Returns the error for a session that cannot go on, because what it wrote has been put back."""
    return CatalogError(
        Reason.SESSION_REVERTED,
        "this session has been reverted, so it cannot go on; begin another",
        resource=("session", str(record.id)),
    )
