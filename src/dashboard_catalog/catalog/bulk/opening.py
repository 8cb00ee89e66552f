"""How sessions begin and are resumed."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog.authorization import check_sweep, foreign_session
from dashboard_catalog.catalog.bulk.rehearsal import Rehearsal
from dashboard_catalog.catalog.bulk.request import SessionRequest, service_of
from dashboard_catalog.catalog.bulk.session import Session
from dashboard_catalog.catalog.writing.pipeline import Pipeline
from dashboard_catalog.errors import CatalogError, Reason, Violation, ViolationReason, invalid
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CATALOG_ID, EntityRecord, SessionRecord

KEPT = timedelta(days=7)
"""How long a session is kept after its last chunk."""

# A sweeping session whose server died keeps others from sweeping its service for so long.
_SILENT = timedelta(minutes=10)

_EXPIRED_AT_ONCE = 20


async def rehearse_session(
    database: Database, authorizer: Authorizer, pipeline: Pipeline, request: SessionRequest
) -> Session:
    """Begins a session that only validates.

    Raises:
        CatalogError: PERMISSION_DENIED if it must not sweep.
    """
    async with database.read() as connection:
        service = await service_of(connection, request)
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
        service = await service_of(connection, request)
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
