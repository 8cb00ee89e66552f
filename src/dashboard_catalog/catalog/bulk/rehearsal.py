"""A session that only validates."""

from collections import Counter
from collections.abc import Sequence

from dashboard_catalog.catalog import audit
from dashboard_catalog.catalog.bulk.chunks import written
from dashboard_catalog.catalog.bulk.failures import error_of, failure_records
from dashboard_catalog.catalog.bulk.mentions import Mentions
from dashboard_catalog.catalog.bulk.request import SessionRequest, service_of
from dashboard_catalog.catalog.bulk.session import Session
from dashboard_catalog.catalog.bulk.sweep import Sweep
from dashboard_catalog.catalog.known.assumed import Assumed
from dashboard_catalog.catalog.model.commands import ChunkItem
from dashboard_catalog.catalog.writing.pipeline import Pipeline, Result, tally
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import FailureRecord, SessionRecord


class Rehearsal(Session):
    """A session that only validates: nothing of it is stored, and what it has accepted counts as existing."""

    def __init__(self, database: Database, pipeline: Pipeline, request: SessionRequest, record: SessionRecord) -> None:
        super().__init__(database, pipeline, request, record)
        self._assumed = Assumed()
        self._mentions = Mentions()
        self._failures: list[FailureRecord] = []

    async def write(self, items: Sequence[ChunkItem]) -> list[Result]:
        """Does everything but write, and returns what would have become of each item."""
        async with self._database.read() as connection:
            results = await written(
                items, lambda chunk: self._pipeline.rehearse(connection, chunk), assumed=self._assumed
            )
        audit.log_chunk(self._request.writer, results, validate_only=True)
        if self.record.sweeps:
            self._mentions.update(Mentions.of(items, self._request.service or ""))
        self._failures += failure_records(self.record, items, results)
        self.record.counts = dict(Counter(self.record.counts) + tally(results))
        self.record.next_offset += len(items)
        return results

    async def failures(self, first: int, end: int, limit: int) -> list[tuple[FailureRecord, CatalogError]]:
        """Returns the refused items with offsets from `first` and below `end`, at most `limit`, and their errors."""
        found = [failure for failure in self._failures if first <= failure.item_offset < end]
        return [(failure, error_of(failure.error)) for failure in found[:limit]]

    async def release(self) -> None:
        """Does nothing: nobody waits for a rehearsal."""

    async def finish(self) -> None:
        """Shows what the sweep would delete, if the session asked for one."""
        if self._request.max_deleted_percent is not None:
            sweep = Sweep(self._pipeline, self._request.writer, self._request.max_deleted_percent)
            async with self._database.read() as connection:
                service = await service_of(connection, self._request)
                swept = await sweep.preview(connection, service, self._mentions, self.record.began_after)
            self.record.swept = swept.document()
        self.record.finished = True
