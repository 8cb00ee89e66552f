"""From the requests about bulk sessions to what the catalog is asked for, and from its results to messages."""

from collections.abc import Mapping
from uuid import UUID

from dashboard_catalog.catalog.bulk.failures import ItemFailure
from dashboard_catalog.catalog.bulk.session_access import SessionView
from dashboard_catalog.catalog.bulk.session_lists import FailureListing, SessionListing
from dashboard_catalog.catalog.bulk.undo_chunk import Undone
from dashboard_catalog.catalog.reading.page_sizes import page_size_of
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.bulk_responses import failure_result, summary_message
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.kinds import kind_number
from dashboard_catalog.store.bulk_sessions import SessionState
from dashboardcatalog.v1 import bulk_pb2, bulk_session_pb2

_STATES: Mapping[int, SessionState] = {
    bulk_session_pb2.BulkSessionState.Value(f"BULK_SESSION_STATE_{state}"): state for state in SessionState
}


def session_listing(request: bulk_session_pb2.ListBulkSessionsRequest, caller: Caller) -> SessionListing:
    """Reads ListBulkSessions."""
    return SessionListing(
        principal=caller.principal,
        service=request.service,
        state=_STATES.get(request.state),
        page_size=page_size_of(request.page_size),
        page_token=request.page_token,
    )


def failure_listing(request: bulk_session_pb2.GetBulkSessionRequest, caller: Caller) -> FailureListing:
    """Reads GetBulkSession."""
    return FailureListing(
        principal=caller.principal,
        session_id=UUID(request.session_id),
        page_size=page_size_of(request.page_size),
        page_token=request.page_token,
    )


def session_message(view: SessionView) -> bulk_session_pb2.BulkSession:
    """Returns the message of a session."""
    record = view.record
    return bulk_session_pb2.BulkSession(
        session_id=str(record.id),
        service=view.service.fqn if view.service else "",
        owner=record.owner,
        state=bulk_session_pb2.BulkSessionState.Value(f"BULK_SESSION_STATE_{view.state}"),
        started_at=wire.to_timestamp(record.started_at),
        updated_at=wire.to_timestamp(record.updated_at),
        next_offset=record.next_offset,
        summary=summary_message(record),
    )


def failure_message(failure: ItemFailure, caller: Caller) -> bulk_pb2.BulkUpsertResult:
    """Returns the message about a refused item, with the id of the call that reads it."""
    return failure_result(*failure, caller.id)


def progress_response(undone: Undone) -> bulk_session_pb2.RevertSessionResponse:
    """Returns the message about what has been put back so far."""
    progress = bulk_session_pb2.RevertSessionProgress(
        done=undone.done, reverted=undone.reverted, skipped=undone.skipped
    )
    return bulk_session_pb2.RevertSessionResponse(progress=progress)


def undone_response(undone: Undone) -> bulk_session_pb2.RevertSessionResponse:
    """Returns the last message, about all that has been put back."""
    sample = [
        bulk_session_pb2.BulkRevertSkipped(
            kind=kind_number(kind),
            fully_qualified_name=fqn,
            reason=bulk_session_pb2.BulkRevertSkip.Value(f"BULK_REVERT_SKIP_{reason}"),
        )
        for kind, fqn, reason in undone.sample
    ]
    summary = bulk_session_pb2.RevertSessionSummary(reverted=undone.reverted, skipped=undone.skipped, sample=sample)
    return bulk_session_pb2.RevertSessionResponse(summary=summary)
