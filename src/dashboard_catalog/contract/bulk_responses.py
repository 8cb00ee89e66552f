"""The responses of a bulk stream, from the session that they are about."""

from dashboard_catalog.catalog.bulk.counts import FAILED, counts_of, references_of
from dashboard_catalog.catalog.bulk.retention import SESSION_LIFETIME
from dashboard_catalog.catalog.bulk.sweep import SweepResult
from dashboard_catalog.catalog.model import version
from dashboard_catalog.catalog.model.commands import ChunkItem, WrittenEntity
from dashboard_catalog.catalog.writing.pipeline import Result
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.fitting import fit_names
from dashboard_catalog.contract.kinds import kind_number
from dashboard_catalog.contract.limits import MAX_ITEM_BYTES, MAX_MESSAGE_BYTES, MAX_MESSAGE_ITEMS
from dashboard_catalog.contract.status_details import status_of
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import SessionRecord
from dashboardcatalog.v1 import asset_pb2, bulk_pb2

LIMITS = bulk_pb2.BulkUpsertLimits(
    max_message_bytes=MAX_MESSAGE_BYTES,
    max_message_items=MAX_MESSAGE_ITEMS,
    max_item_bytes=MAX_ITEM_BYTES,
    session_seconds=int(SESSION_LIFETIME.total_seconds()),
)

_COUNTS = ("created", "updated", "unchanged", "restored", "suppressed", FAILED)


def started_response(session: SessionRecord) -> bulk_pb2.BulkUpsertResponse:
    """Returns the first response of a stream."""
    started = bulk_pb2.BulkUpsertStarted(
        session_id=str(session.id),
        next_offset=session.next_offset,
        limits=LIMITS,
        failures_not_kept=session.failures_not_kept,
    )
    return bulk_pb2.BulkUpsertResponse(started=started)


def summary_response(session: SessionRecord) -> bulk_pb2.BulkUpsertResponse:
    """Returns the last response of a stream."""
    return bulk_pb2.BulkUpsertResponse(summary=summary_message(session))


def summary_message(session: SessionRecord) -> bulk_pb2.BulkUpsertSummary:
    """Returns the counts of a session."""
    summary = bulk_pb2.BulkUpsertSummary(failures_not_kept=session.failures_not_kept)
    counts = counts_of(session)
    for name in _COUNTS:
        setattr(summary, name, counts[name])
    for kind, count in sorted(references_of(session).items()):
        summary.created_references.add(kind=kind_number(kind), count=count)
    if swept := SweepResult.of(session):
        summary.sweep.outcome = bulk_pb2.SweepOutcome.Value(f"SWEEP_OUTCOME_{swept.outcome}")
        summary.sweep.deleted = swept.deleted
        summary.sweep.would_delete = swept.would_delete
        summary.sweep.sample.extend(swept.sample)
    return summary


def item_result(item: ChunkItem, result: Result, call_id: str) -> bulk_pb2.BulkUpsertResult:
    """Returns the message about what became of an item."""
    if isinstance(result, CatalogError):
        return failure_result(item.offset, item.kind, item.fqn, result, call_id)
    message = _result(item.offset, item.kind, result.fqn)
    message.outcome = wire.outcome_message(result.outcome)
    message.id = str(result.record.id)
    message.kept_fields.extend(fit_names(result.kept_fields))
    message.left_out.extend(fit_names(result.left_out))
    if not isinstance(result, WrittenEntity):
        message.version = version.as_number(result.record.version)
    return message


def failure_result(offset: int, kind: str, fqn: str, error: CatalogError, call_id: str) -> bulk_pb2.BulkUpsertResult:
    """Returns the message about an item that was refused."""
    message = _result(offset, kind, fqn)
    message.outcome = asset_pb2.OUTCOME_FAILED
    message.status.CopyFrom(status_of(error, call_id))
    return message


def _result(offset: int, kind: str, fqn: str) -> bulk_pb2.BulkUpsertResult:
    return bulk_pb2.BulkUpsertResult(offset=offset, kind=kind_number(kind), fully_qualified_name=fqn)
