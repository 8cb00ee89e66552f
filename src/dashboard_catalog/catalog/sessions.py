"""The bulk sessions as the doors see them: they are opened, listed, read and reverted, or are one call long."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog.bulk.counts import ALL_OUTCOMES
from dashboard_catalog.catalog.bulk.failures import ItemFailure
from dashboard_catalog.catalog.bulk.opening import open_rehearsal, open_session
from dashboard_catalog.catalog.bulk.rehearsal import Rehearsal
from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.bulk.session import Session
from dashboard_catalog.catalog.bulk.session_access import SessionView, seen_session
from dashboard_catalog.catalog.bulk.session_lists import (
    FailureListing,
    SessionListing,
    find_failures,
    find_sessions,
)
from dashboard_catalog.catalog.bulk.stale import StaleRequest, delete_stale
from dashboard_catalog.catalog.bulk.sweep import SweepOutcome, Swept
from dashboard_catalog.catalog.bulk.undo_chunk import Undone
from dashboard_catalog.catalog.bulk.undoing import Undoing
from dashboard_catalog.catalog.indexing.recent_writes import RecentWrites
from dashboard_catalog.catalog.model.commands import Writer
from dashboard_catalog.catalog.writing.pipeline import Pipeline
from dashboard_catalog.metrics.declared import Metrics, begin_at_zero
from dashboard_catalog.store.database import Database


class Sessions:
    """Bulk sessions in one database.

    Args:
        database: The database.
        authorizer: The policies.
        pipeline: Writes the items.
        recent_writes: Hears of what is put back or deleted.
        metrics: Counts what is written.
    """

    def __init__(
        self,
        database: Database,
        authorizer: Authorizer,
        pipeline: Pipeline,
        recent_writes: RecentWrites,
        metrics: Metrics,
    ) -> None:
        self._metrics = metrics.bulk
        begin_at_zero(self._metrics.items, ALL_OUTCOMES)
        begin_at_zero(self._metrics.sweeps, (each for each in SweepOutcome if each is not SweepOutcome.PREVIEWED))
        self._database = database
        self._authorizer = authorizer
        self._pipeline = pipeline
        self._recent_writes = recent_writes

    async def open(self, request: SessionRequest, *, validate_only: bool) -> Session | Rehearsal:
        """Begins or resumes the session of a bulk stream; whoever opens it closes it.

        Raises:
            CatalogError: As `opening.open_session`.
        """
        if validate_only:
            return await open_rehearsal(self._database, self._authorizer, self._pipeline, request)
        return await open_session(self._database, self._authorizer, self._pipeline, request, self._metrics)

    async def delete_stale(self, stale: StaleRequest, *, validate_only: bool) -> Swept:
        """Deletes what a source no longer has, in a session of its own.

        Raises:
            CatalogError: As `stale.delete_stale`.
        """
        swept, advanced = await delete_stale(self._database, self._pipeline, stale, validate_only=validate_only)
        self._recent_writes.add(stale.writer.principal, advanced)
        if not validate_only:
            self._metrics.sweeps.labels(swept.result.outcome).inc()
        return swept

    @asynccontextmanager
    async def list(self, listing: SessionListing) -> AsyncIterator[AsyncGenerator[SessionView]]:
        """Opens a page of the bulk sessions that the caller may see. It goes on beyond its end.

        Raises:
            CatalogError: INVALID_ARGUMENT for a wrong page token, or a name that does not parse.
        """
        async with self._database.read() as connection:
            yield find_sessions(connection, self._authorizer, listing)

    @asynccontextmanager
    async def get(self, listing: FailureListing) -> AsyncIterator[tuple[SessionView, AsyncGenerator[ItemFailure]]]:
        """Opens a bulk session with a page of its failures, which goes on beyond its end.

        Raises:
            CatalogError: NOT_FOUND, or INVALID_ARGUMENT for a wrong page token.
        """
        async with self._database.read() as connection:
            seen = await seen_session(connection, self._authorizer, listing.principal, listing.session_id)
            yield seen, find_failures(connection, self._authorizer, listing, seen.record)

    async def revert(self, writer: Writer, session_id: UUID, *, validate_only: bool) -> AsyncGenerator[Undone]:
        """Puts back what a bulk session wrote, and yields what has been put back so far.

        Raises:
            CatalogError: As `Undoing.run`.
        """
        writer = replace(writer, ingests=True, session_id=session_id)
        undoing = Undoing(self._database, self._pipeline, writer, session_id, validate_only=validate_only)
        try:
            async with aclosing(undoing.run()) as chunks:
                async for undone in chunks:
                    yield undone
        finally:
            self._recent_writes.add(writer.principal, undoing.advanced)
