"""Sessions of bulk streams: how a stream that broke goes on where it was, with every item written exactly once.

A session's row commits in the transaction of each of its chunks, so what it says has been written is what has been
written. One connection writes a session at a time: the newest, which the row names.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog import audit
from dashboard_catalog.catalog.authorization import check_sweep, foreign_session
from dashboard_catalog.catalog.bulk.sweep import Mentions, Sweep, SweepResult
from dashboard_catalog.catalog.known.assumed import Assumed
from dashboard_catalog.catalog.model.commands import ChunkItem, Writer
from dashboard_catalog.catalog.reading.assets import find_service
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline, Result, tally
from dashboard_catalog.errors import CatalogError, Reason, Violation, ViolationReason, invalid
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CATALOG_ID, EntityRecord, FailureRecord, SessionRecord

KEPT = timedelta(days=7)
"""How long a session is kept after its last chunk."""

# A sweeping session whose server died keeps others from sweeping its service for so long.
_SILENT = timedelta(minutes=10)
_EXPIRED_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a stream says of its session.

    Attributes:
        id: Given by the client, or by the server for a stream without one.
        service: Raw name of the BI service that it is about, if any.
        options: Digest of everything that a resumed session must repeat.
        max_deleted_percent: Bound of the sweep, or None for no sweep.
    """

    id: UUID
    writer: Writer
    service: str | None
    options: bytes
    max_deleted_percent: int | None


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
        if failures := _failures(record, items, results):
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
        service = await _service_of(connection, self._request)
        return await sweep.run(connection, service, Mentions.read(found, record.unreadable), record.began_after)


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
        self._failures += _failures(self.record, items, results)
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
                service = await _service_of(connection, self._request)
                swept = await sweep.preview(connection, service, self._mentions, self.record.began_after)
            self.record.swept = swept.document()
        self.record.finished = True


async def rehearse_session(
    database: Database, authorizer: Authorizer, pipeline: Pipeline, request: SessionRequest
) -> Session:
    """Begins a session that only validates.

    Raises:
        CatalogError: PERMISSION_DENIED if it must not sweep.
    """
    async with database.read() as connection:
        service = await _service_of(connection, request)
        if request.max_deleted_percent is not None:
            check_sweep(authorizer, request.writer.principal, request.service or "", service)
        return Rehearsal(database, pipeline, request, await _begun(connection, request, service))


async def open_session(
    database: Database, authorizer: Authorizer, pipeline: Pipeline, request: SessionRequest
) -> Session:
    """Begins or resumes a session; from now on its older connections can write no more.

    Raises:
        CatalogError: PERMISSION_DENIED if it is somebody else's or must not sweep, INVALID_ARGUMENT if it was begun
            with other options, FAILED_PRECONDITION if another session is sweeping the service.
    """

    async def work(connection: WriteConnection) -> SessionRecord:
        await sessions.expire(connection, datetime.now(UTC) - KEPT, _EXPIRED_AT_ONCE)
        service = await _service_of(connection, request)
        found = await sessions.find(connection, request.id)
        if request.max_deleted_percent is not None:
            check_sweep(authorizer, request.writer.principal, request.service or "", service)
            await _check_no_other_sweep(connection, request, service)
        if found is None:
            record = await _begun(connection, request, service)
            await sessions.add(connection, record)
            return record
        _check_same(found, request)
        record = await sessions.lock(connection, found.service_id, found.id) or found
        record.connection = uuid4()
        await sessions.save(connection, record)
        return record

    return Session(database, pipeline, request, await database.write(work))


async def written(
    items: Sequence[ChunkItem],
    apply: Callable[[Batch], Awaitable[list[Result]]],
    assumed: Assumed | None = None,
) -> list[Result]:
    """Applies the items of a chunk that can be read, as one batch, and returns what became of every item."""
    writes = [item.write for item in items if not isinstance(item.write, CatalogError)]
    failed = [(item.kind, item.fqn) for item in items if isinstance(item.write, CatalogError)]
    chunk = Batch(writes, assumed, is_chunk=True, failed=failed)
    results = iter(await apply(chunk) if writes else ())
    return [item.write if isinstance(item.write, CatalogError) else next(results) for item in items]


def document_of(error: CatalogError) -> dict[str, Any]:
    """Returns what an error is made of, as JSON values."""
    return {
        "reason": error.reason,
        "message": _storable(error.message),
        "metadata": {key: _storable(value) for key, value in error.metadata.items()},
        "violations": [[_storable(each.field), each.reason, _storable(each.description)] for each in error.violations],
        "resource": [_storable(part) for part in error.resource] if error.resource else None,
    }


def error_of(document: Mapping[str, Any]) -> CatalogError:
    """Returns the error that `document_of` took apart."""
    resource = document["resource"]
    return CatalogError(
        Reason(document["reason"]),
        document["message"],
        metadata=document["metadata"],
        violations=[Violation(path, ViolationReason(why), text) for path, why, text in document["violations"]],
        resource=(resource[0], resource[1]) if resource else None,
    )


def _failures(record: SessionRecord, items: Sequence[ChunkItem], results: Sequence[Result]) -> list[FailureRecord]:
    return [
        FailureRecord(
            service_id=record.service_id,
            session_id=record.id,
            item_offset=item.offset,
            kind=item.kind,
            fqn=_storable(item.fqn),
            error=document_of(result),
        )
        for item, result in zip(items, results, strict=True)
        if isinstance(result, CatalogError)
    ]


def _storable(text: str) -> str:
    """Returns a text that may be what a caller was refused for: with a mark for U+0000, which no database keeps."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


async def _service_of(connection: ReadConnection, request: SessionRequest) -> EntityRecord | None:
    return await find_service(connection, request.service) if request.service else None


async def _begun(connection: ReadConnection, request: SessionRequest, service: EntityRecord | None) -> SessionRecord:
    return SessionRecord(
        service_id=service.id if service else CATALOG_ID,
        id=request.id,
        owner=request.writer.principal.subject,
        options=request.options,
        connection=uuid4(),
        sweeps=request.max_deleted_percent is not None,
        began_after=await entities.last_change(connection, service.id) if service else 0,
        updated_at=datetime.now(UTC),
    )


def _check_same(found: SessionRecord, request: SessionRequest) -> None:
    if found.owner != request.writer.principal.subject:
        raise foreign_session(request.writer.principal, found.id)
    if found.options != request.options:
        text = "names a session that was begun with other options: resume it with the same, or begin another"
        raise invalid([Violation("options.session_id", ViolationReason.INVALID_VALUE, text)])


async def _check_no_other_sweep(
    connection: WriteConnection, request: SessionRequest, service: EntityRecord | None
) -> None:
    """Refuses a second sweeping session of a service. The service's lock makes two of them see each other."""
    if service is None:
        return
    await entities.lock_service(connection, service.id)
    others = await sessions.sweeping(connection, service.id, datetime.now(UTC) - _SILENT)
    if any(other != request.id for other in others):
        raise CatalogError(
            Reason.SWEEP_IN_PROGRESS,
            f"another session is sweeping {service.fqn}",
            resource=("bi_service", service.fqn),
        )
