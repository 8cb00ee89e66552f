"""Puts back what a session wrote, in chunks, each in a transaction of its own.

It begins with the newest change, and can be called again after any interruption: what was put back stays so. From its
beginning on, the session cannot be resumed.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.auth.principal import Action, Resource
from dashboard_catalog.catalog import audit
from dashboard_catalog.catalog.authorization import entity, may_revert_sessions
from dashboard_catalog.catalog.bulk.counts import counts_of
from dashboard_catalog.catalog.bulk.session_access import seen_session
from dashboard_catalog.catalog.bulk.undo_chunk import MAX_SAMPLE, Chunk, SkipReason, UndoChunk, Undone
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model.commands import Writer
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, ENTITY_KINDS
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.catalog.writing.pipeline import Pipeline
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store import entities, locks
from dashboard_catalog.store import session_writes as written
from dashboard_catalog.store.bulk_sessions import SessionState, state_of
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.database import Advanced, Database
from dashboard_catalog.store.records import CATALOG_ID, EntityRecord, SessionRecord
from dashboard_catalog.store.session_writes import SessionRange

_REMOVED_AT_ONCE = 1000


async def _any_changes(connection: ReadConnection, session: SessionRecord) -> dict[str, list[int]]:
    """Returns where a session may have written that began before the catalog kept that: anywhere, until now."""
    has_swept = bool(session.swept and session.swept["deleted"])
    has_written = has_swept or bool(counts_of(session).keys() & {"created", "updated", "restored"})
    services = await entities.of_kind(connection, "bi_service") if has_written else []
    return {service.id.hex: [1, await locks.last_change(connection, service.id)] for service in services}


class Undoing:
    """Puts back what one session wrote.

    Args:
        writer: Who puts it back. Writes as ingestion does, and names the session.
        session_id: The session.
        validate_only: Whether to write nothing, and only find out what would be put back.

    Attributes:
        advanced: The last change number that it has written in each BI service.
    """

    def __init__(
        self, database: Database, pipeline: Pipeline, writer: Writer, session_id: UUID, *, validate_only: bool
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._writer = writer
        self._session_id = session_id
        self._validate_only = validate_only
        self._transaction = database.rehearse if validate_only else database.write
        self._undone = Undone()
        self.advanced: dict[UUID, int] = {}

    async def run(self) -> AsyncGenerator[Undone]:
        """Yields what has been put back so far, after each chunk, and once more at the end.

        Raises:
            CatalogError: NOT_FOUND if the caller may not see the session, PERMISSION_DENIED if they may not revert it,
                FAILED_PRECONDITION while a connection of the session lives.
        """
        record = await self._transaction(self._begin)
        ranges = {
            UUID(hex=service): SessionRange(record.id, UUID(hex=service), first, last)
            for service, (first, last) in record.changes.items()
        }
        complete = False
        try:
            # What a sweep has deleted may be referred to by assets of other BI services.
            for service_id in sorted(ranges, key=lambda id_: (id_ == CATALOG_ID, id_ != record.service_id, id_)):
                async for undone in self._in_service(ranges, service_id):
                    self._undone.add(undone)
                    if undone.done:
                        yield self._undone
            complete = True
        finally:
            audit.log_undone(
                self._writer,
                reverted=self._undone.reverted,
                skipped=self._undone.skipped,
                validate_only=self._validate_only,
                complete=complete,
            )

    async def _begin(self, connection: WriteConnection) -> SessionRecord:
        """Checks that the session can be put back, and makes sure that nobody writes it any more."""
        principal = self._writer.principal
        seen = await seen_session(connection, self._pipeline.authorizer, principal, self._session_id)
        if not may_revert_sessions(self._pipeline.authorizer, principal, seen.service):
            raise ActionDenied(principal, Action.REVERT_SESSION, Resource("session", name=str(self._session_id)))
        record = await sessions.lock(connection, seen.record.service_id, self._session_id)
        if record is None:
            raise not_found("session", str(self._session_id))
        now = datetime.now(UTC)
        if state_of(record, now) is SessionState.RUNNING:
            raise CatalogError(
                Reason.SESSION_RUNNING,
                "this session is still running; end its stream before you revert it",
                resource=("session", str(record.id)),
            )
        if record.reverted_at is None:
            record.reverted_at = now
            record.connection = None
            record.changes = record.changes or await _any_changes(connection, record)
        record.updated_at = now
        await sessions.save(connection, record)
        return record

    async def _in_service(self, ranges: Mapping[UUID, SessionRange], service_id: UUID) -> AsyncGenerator[Undone]:
        """Yields what each chunk of a BI service, or of the entities, has put back."""
        if service_id == CATALOG_ID:
            async with self._database.read() as connection:
                yield await self._entities(connection, ranges[CATALOG_ID])
            return
        async with self._database.read() as connection:
            service = next(iter(await entities.by_ids(connection, [service_id])), None)
        rest = ranges[service_id] if service else None
        while service and rest:
            chunk = await self._finished(self._chunk(ranges, service, rest))
            yield chunk.undone
            rest = chunk.rest
        async with self._database.read() as connection:
            yield await self._removed(connection, ranges[service_id], service)

    async def _chunk(self, ranges: Mapping[UUID, SessionRange], service: EntityRecord, rest: SessionRange) -> Chunk:
        async def work(connection: WriteConnection) -> tuple[Chunk, Advanced]:
            takes_along = not self._validate_only
            undo = UndoChunk(connection, self._pipeline, self._writer, ranges, service, takes_along=takes_along)
            return await undo.run(rest), connection.advanced

        chunk, advanced = await self._transaction(work)
        audit.log_denied_items(self._writer, chunk.results, self._pipeline.authorizer.metrics)
        if not self._validate_only:
            self.advanced.update(advanced)
            audit.log_undo_chunk(self._writer, reverted=chunk.undone.reverted, skipped=chunk.undone.skipped)
        return chunk

    async def _finished(self, work: Coroutine[Any, Any, Chunk]) -> Chunk:
        """Returns the outcome of a chunk. An interruption takes effect when it has been written and logged."""
        writing = asyncio.create_task(work)
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise

    async def _removed(self, connection: ReadConnection, of: SessionRange, service: EntityRecord | None) -> Undone:
        """Counts the assets that were removed for good since."""
        undone, after = Undone(), of.first
        sight = Sight(self._pipeline.authorizer, KnownEntities())
        while found := await written.removed_assets(connection, of, after, _REMOVED_AT_ONCE):
            for _, kind, id_ in found:
                shown = sight.shows(self._writer.principal, ASSET_KINDS[kind], service)
                undone.skip(kind, str(id_) if shown else None, SkipReason.REMOVED)
            after = found[-1][0]
        undone.done = undone.skipped
        return undone

    async def _entities(self, connection: ReadConnection, of: SessionRange) -> Undone:
        """Counts the entities, which have no versions to go back to."""
        total, some = await written.written_entities(connection, of, MAX_SAMPLE)
        records = {record.id: record for record in await entities.by_ids(connection, [id_ for _, id_ in some])}
        undone = Undone(done=total)
        for kind, id_ in some:
            undone.skip(kind, self._shown(records[id_]) if id_ in records else str(id_), SkipReason.ENTITY)
        undone.skipped = total
        return undone

    def _shown(self, record: EntityRecord) -> str | None:
        """Returns the name of an entity if the caller may view it."""
        resource = entity(ENTITY_KINDS[record.kind], record, record.fqn)
        shown = self._pipeline.authorizer.allows(self._writer.principal, Action.VIEW, resource)
        return record.fqn if shown else None
