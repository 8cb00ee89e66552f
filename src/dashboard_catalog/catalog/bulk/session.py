"""Sessions of bulk streams: how a stream that broke goes on where it was, with every item written exactly once.

A session's row commits in the transaction of each of its chunks, so what it says has been written is what has been
written. One connection writes a session at a time: the newest, which the row names.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from dashboard_catalog.catalog import audit
from dashboard_catalog.catalog.bulk.chunks import written
from dashboard_catalog.catalog.bulk.failures import error_of, failure_records
from dashboard_catalog.catalog.bulk.mentions import Mentions
from dashboard_catalog.catalog.bulk.request import SessionRequest, service_of
from dashboard_catalog.catalog.bulk.sweep import Sweep, SweepResult
from dashboard_catalog.catalog.model.commands import ChunkItem
from dashboard_catalog.catalog.writing.pipeline import Pipeline, Result, tally
from dashboard_catalog.errors import CatalogError, Reason
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import FailureRecord, SessionRecord


class Session:
    """A session with the connection that writes it.

    Attributes:
        record: As it is stored after the last chunk.
    """

    def __init__(self, database: Database, pipeline: Pipeline, request: SessionRequest, record: SessionRecord) -> None:
        self._database = database
        self._pipeline = pipeline
        self._request = request
        self._connection = record.connection
        self.record = record

    async def write(self, items: Sequence[ChunkItem]) -> list[Result]:
        """Writes the next items in one transaction with the session's row, and returns what became of each.

        Raises:
            CatalogError: FAILED_PRECONDITION if a newer connection has taken over, UNAVAILABLE if the database is away.
        """

        async def work(connection: WriteConnection) -> tuple[SessionRecord, list[Result]]:
            record = await self._locked(connection)
            results = await written(items, lambda chunk: self._pipeline.run(connection, chunk))
            await self._remember(connection, record, items, results)
            return record, results

        self.record, results = await self._database.write(work)
        audit.log_chunk(self._request.writer, results, validate_only=False)
        return results

    async def failures(self, first: int, end: int, limit: int) -> list[tuple[FailureRecord, CatalogError]]:
        """Returns the refused items with offsets from `first` and below `end`, at most `limit`, and their errors."""
        async with self._database.read() as connection:
            found = await sessions.failures(connection, self.record, first, end, limit)
        return [(failure, error_of(failure.error)) for failure in found]

    async def finish(self) -> None:
        """Ends the session, with its sweep if it asked for one; does nothing if it has ended."""

        async def work(connection: WriteConnection) -> SessionRecord:
            record = await self._locked(connection)
            if self._request.max_deleted_percent is not None:
                record.swept = (await self._sweep(connection, record)).document()
            record.finished = True
            record.updated_at = datetime.now(UTC)
            await sessions.save(connection, record)
            return record

        if not self.record.finished:
            self.record = await self._database.write(work)
            if self.record.swept is not None:
                audit.log_sweep(self._request.writer, self._request.service or "", self.record.swept)

    async def release(self) -> None:
        """Tells that the connection has ended, so that another session may sweep the service."""

        async def work(connection: WriteConnection) -> None:
            record = await sessions.lock(connection, self.record.service_id, self.record.id)
            if record is not None and record.connection == self._connection:
                record.connection = None
                await sessions.save(connection, record)

        if self.record.sweeps and not self.record.finished:
            await self._database.write(work)

    async def _locked(self, connection: WriteConnection) -> SessionRecord:
        record = await sessions.lock(connection, self.record.service_id, self.record.id)
        if record is None or record.connection != self._connection or record.next_offset != self.record.next_offset:
            raise CatalogError(
                Reason.SESSION_SUPERSEDED,
                "a newer connection writes this session; this one has ended",
                resource=("session", str(self.record.id)),
            )
        return record

    async def _remember(
        self, connection: WriteConnection, record: SessionRecord, items: Sequence[ChunkItem], results: Sequence[Result]
    ) -> None:
        if failures := failure_records(record, items, results):
            await sessions.add_failures(connection, failures)
        if record.sweeps:
            mentions = Mentions.of(items, self._request.service or "")
            record.unreadable = record.unreadable or mentions.unreadable
            await mentions.store(connection, record)
        record.counts = dict(Counter(record.counts) + tally(results))
        record.next_offset += len(items)
        record.updated_at = datetime.now(UTC)
        await sessions.save(connection, record)

    async def _sweep(self, connection: WriteConnection, record: SessionRecord) -> SweepResult:
        found = await sessions.mentions(connection, record)
        sweep = Sweep(self._pipeline, self._request.writer, self._request.max_deleted_percent or 0)
        service = await service_of(connection, self._request)
        return await sweep.run(connection, service, Mentions.read(found, record.unreadable), record.began_after)
