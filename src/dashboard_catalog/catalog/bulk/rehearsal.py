"""A session that only validates: it stores nothing, not even itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from dashboard_catalog.catalog import audit
from dashboard_catalog.catalog.bulk.counts import add_counts, add_references, count_outcomes, counts_of
from dashboard_catalog.catalog.bulk.creation import Creation, Thing
from dashboard_catalog.catalog.bulk.failures import ItemFailure, failure_rows, keep_failures, read_failure
from dashboard_catalog.catalog.bulk.item_results import apply_chunk
from dashboard_catalog.catalog.bulk.mentions import Mentions
from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.bulk.sweep import preview_sweep
from dashboard_catalog.catalog.known.assumed import Assumed
from dashboard_catalog.catalog.model.commands import ChunkItem
from dashboard_catalog.catalog.writing.pipeline import Pipeline, Result
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import FailureRecord, SessionRecord


class Rehearsal:
    """Does for a stream that only validates what `Session` does for others, with the same methods.

    What it has accepted counts as existing for the rest of the stream.

    Attributes:
        record: The row that a session would have after the last chunk.
        advanced: Nothing, as it writes nothing.
    """

    def __init__(self, database: Database, pipeline: Pipeline, request: SessionRequest, record: SessionRecord) -> None:
        self._database = database
        self._pipeline = pipeline
        self._request = request
        self._assumed = Assumed()
        self._creation = Creation(request.creates_of) if request.creates_of else None
        self._mentions = Mentions()
        # As rows: an error that was raised would keep its frames, and with them the items, in memory.
        self._failures: list[FailureRecord] = []
        self.record = record
        self.advanced: Mapping[UUID, int] = {}

    async def write(self, items: Sequence[ChunkItem]) -> list[Result]:
        """Validates the next items of the stream and returns the result that each would have had.

        Raises:
            CatalogError: UNAVAILABLE if the database is away.
        """
        async with self._database.read() as connection:
            if self._creation:
                await self._create(connection, self._creation, items)
            results = await apply_chunk(items, partial(self._pipeline.rehearse, connection), assumed=self._assumed)
            if self.record.sweeps:
                self._mentions.add(items, await self._request.service_names(connection, self.record.service_id))
        audit.log_denied_items(self._request.writer, results, self._pipeline.authorizer.metrics)
        self._failures += keep_failures(self.record, failure_rows(self.record, items, results), 0)
        add_counts(self.record, count_outcomes(results))
        self.record.next_offset += len(items)
        return results

    async def _create(self, connection: ReadConnection, creation: Creation, items: Sequence[ChunkItem]) -> None:
        """Makes what a session would create count as existing."""
        apply = partial(self._pipeline.rehearse, connection)
        missing: set[Thing] = set()
        await apply_chunk(items, apply, assumed=self._assumed, missing=missing, probes=True)
        if writes := creation.writes_for(missing, items):
            _, results = await creation.run(
                connection, writes, lambda batch: apply(replace(batch, assumed=self._assumed))
            )
            add_references(self.record, results)
            creation.finish(writes)

    async def failures(self, first: int, end: int, limit: int) -> list[ItemFailure]:
        """Returns at most `limit` refused items with offsets from `first` to below `end`, in their order."""
        rows = [row for row in self._failures if first <= row.item_offset < end]
        return [read_failure(row) for row in rows[:limit]]

    async def finish(self) -> None:
        """Finishes the session; if it asked for a sweep, finds out what that would delete."""
        if self.record.sweeps:
            async with self._database.read() as connection:
                result = await preview_sweep(
                    connection, self._pipeline.authorizer, self._request, self.record, self._mentions
                )
            result.keep(self.record)
        self.record.finished = True

    async def close(self) -> None:
        """Ends the session for good."""
        counts = counts_of(self.record)
        audit.log_stream_end(self._request.writer, counts, validate_only=True, complete=self.record.finished)
