"""Opens the sessions of bulk streams: who may begin, resume or rehearse one, and when."""

from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog.authorization import foreign_session, swept_service
from dashboard_catalog.catalog.bulk.admission import check_may_load
from dashboard_catalog.catalog.bulk.rehearsal import Rehearsal
from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.bulk.retention import begin_again, is_too_old
from dashboard_catalog.catalog.bulk.session import Session, reverted
from dashboard_catalog.catalog.writing.pipeline import Pipeline
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.metrics.declared import BulkMetrics
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store import locks
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.driver_errors import DatabaseUnavailable
from dashboard_catalog.store.records import CATALOG_ID, EntityRecord, SessionRecord


async def open_session(
    database: Database, authorizer: Authorizer, pipeline: Pipeline, request: SessionRequest, metrics: BulkMetrics
) -> Session:
    """Begins a session or resumes it; from then on its older connections can no longer write.

    Raises:
        CatalogError: PERMISSION_DENIED if the caller may write nothing or not sweep, or if the session belongs to
            somebody else, INVALID_ARGUMENT if the session was begun with other options, FAILED_PRECONDITION if another
            session is sweeping the service, or if the session has been reverted.
    """

    async def work(connection: WriteConnection, *, elsewhere: bool = True) -> SessionRecord:
        return await begin_session(connection, authorizer, request, elsewhere=elsewhere)

    try:
        record = await database.write(work)
    except DatabaseUnavailable as error:
        if not error.is_partial:
            raise
        # While a part of the data is away, new sessions of the other BI services must still begin.
        record = await database.write(partial(work, elsewhere=False))
    return Session(database, pipeline, request, record, metrics)


async def begin_session(
    connection: WriteConnection, authorizer: Authorizer, request: SessionRequest, *, elsewhere: bool = True
) -> SessionRecord:
    """Begins a session or resumes it, in the transaction of `connection`, and returns its row.

    Args:
        connection: The transaction.
        authorizer: Decides who may begin one.
        request: The session.
        elsewhere: Whether to look for the session in all BI services. The one that it names comes first.

    Raises:
        CatalogError: As `open_session`.
    """
    # Before the lock of the BI service, in the order of all writers: `delete_stale` writes in the same transaction.
    await locks.lock_catalog(connection, to_write=False)
    await check_may_load(connection, authorizer, request)
    service = await _find_service(connection, authorizer, request)
    stored = await _stored(connection, request, service, elsewhere=elsewhere)
    if request.sweeps:
        await _check_no_other_sweep(connection, request, service)
    if stored is None:
        record = await _new_record(connection, request, service)
        await sessions.add(connection, record)
        return record
    _check_may_resume(stored, request)
    return await _take_over(connection, stored)


async def _stored(
    connection: ReadConnection, request: SessionRequest, service: EntityRecord | None, *, elsewhere: bool
) -> SessionRecord | None:
    if request.is_new:
        return None
    stored = await sessions.find_in(connection, service.id if service else CATALOG_ID, request.id)
    # It may have named its BI service before that existed, or name another one now.
    return stored or (await sessions.find(connection, request.id) if elsewhere else None)


async def open_rehearsal(
    database: Database, authorizer: Authorizer, pipeline: Pipeline, request: SessionRequest
) -> Rehearsal:
    """Begins a session that only validates.

    Raises:
        CatalogError: PERMISSION_DENIED if the caller may write nothing or not sweep.
    """
    async with database.read() as connection:
        await check_may_load(connection, authorizer, request)
        service = await _find_service(connection, authorizer, request)
        return Rehearsal(database, pipeline, request, await _new_record(connection, request, service))


async def _find_service(
    connection: ReadConnection, authorizer: Authorizer, request: SessionRequest
) -> EntityRecord | None:
    """Returns the BI service that a session is about, if it names one that exists; for a sweep, one that may be swept.

    Raises:
        CatalogError: PERMISSION_DENIED.
    """
    service = await request.find_service(connection)
    if request.sweeps:
        return swept_service(authorizer, request.writer.principal, request.service or "", service)
    return service


async def _new_record(
    connection: ReadConnection, request: SessionRequest, service: EntityRecord | None
) -> SessionRecord:
    now = datetime.now(UTC)
    return SessionRecord(
        service_id=service.id if service else CATALOG_ID,
        id=request.id,
        owner=request.writer.principal.subject,
        options=request.options,
        connection=uuid4(),
        sweeps=request.sweeps,
        began_after=await locks.last_change(connection, service.id) if service else 0,
        started_at=now,
        updated_at=now,
    )


async def _take_over(connection: WriteConnection, stored: SessionRecord) -> SessionRecord:
    """Makes a new connection the one that may write a session, unless it has finished."""
    record = await sessions.lock(connection, stored.service_id, stored.id) or stored
    if record.reverted_at is not None:
        raise reverted(record)
    if record.finished:
        return record
    if is_too_old(record):
        await begin_again(connection, record)
    record.connection = uuid4()
    record.updated_at = datetime.now(UTC)
    await sessions.save(connection, record)
    return record


def _check_may_resume(stored: SessionRecord, request: SessionRequest) -> None:
    if stored.owner != request.writer.principal.subject:
        raise foreign_session(request.writer.principal, stored.id)
    if stored.options != request.options:
        text = (
            "names a session that was begun with other options, or with a token that is limited to other BI services: "
            "resume it with the same, or begin another"
        )
        raise invalid([Violation("options.session_id", ViolationReason.INVALID_VALUE, text)])


async def _check_no_other_sweep(
    connection: WriteConnection, request: SessionRequest, service: EntityRecord | None
) -> None:
    """Refuses a second sweeping session of a service."""
    if service is None:
        return
    # Two sessions that open at the same time must see each other.
    await locks.lock_service(connection, service.id)
    others = await sessions.sweeping(connection, service.id, datetime.now(UTC))
    if any(other != request.id for other in others):
        raise CatalogError(
            Reason.SWEEP_IN_PROGRESS,
            f"another session is sweeping {service.fqn}",
            resource=("bi_service", service.fqn),
        )
