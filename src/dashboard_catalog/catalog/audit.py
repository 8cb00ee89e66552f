"""The audit lines of writes: who did what with which thing, in which call. Each is left once its write is committed.

Denials are logged by whoever tells the caller (`ActionDenied.log`); here are those of the items of a stream.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.catalog.model import version
from dashboard_catalog.catalog.model.commands import AssetWrite, Verb, Writer, WrittenAsset, WrittenEntity
from dashboard_catalog.catalog.model.kinds import EntityKind
from dashboard_catalog.catalog.writing.pipeline import Result, Write, tally
from dashboard_catalog.store.tables import EntityRecord, SessionRecord

_log = structlog.get_logger("dashboard_catalog.audit")


def log_writes(writes: Sequence[Write], results: Sequence[Result]) -> None:
    """Leaves a line of each write, also of one that changed nothing; none of a refused one."""
    # A logger for all: to bind it takes as long as to write a line.
    log = _log.bind()
    for write, result in zip(writes, results, strict=True):
        if isinstance(result, WrittenAsset) and isinstance(write, AssetWrite):
            log.info("written", **_who(write.writer), **_asset_line(write, result))
        elif isinstance(result, WrittenEntity):
            log_entity(write.writer, "upsert", result.kind, result.record, result.outcome.value)


def _asset_line(write: AssetWrite, result: WrittenAsset) -> dict[str, Any]:
    return {
        "action": "hard_delete" if write.hard else write.verb.value,
        "kind": result.kind.name,
        "fqn": result.fqn,
        "version": version.as_text(result.record.version),
        "outcome": None if write.verb is Verb.DELETE else result.outcome.value,
        "charts": result.charts,
    }


def log_entity(writer: Writer, action: str, kind: EntityKind, record: EntityRecord, outcome: str | None = None) -> None:
    """Leaves the line of one write of an entity."""
    _log.info("written", **_who(writer), action=action, kind=kind.name, fqn=record.fqn, outcome=outcome)


def log_chunk(writer: Writer, results: Sequence[Result], *, validate_only: bool) -> None:
    """Leaves one line for what a chunk wrote, and one for each item that was denied."""
    for result in results:
        if isinstance(result, ActionDenied):
            result.log(writer.call_id)
    if not validate_only:
        _log.info("chunk_written", **_who(writer), session=str(writer.session_id), items=len(results), **tally(results))


def log_stream(writer: Writer, session: SessionRecord, *, validate_only: bool) -> None:
    """Leaves the line of a stream, however it ended."""
    _log.info(
        "bulk_ended",
        **_who(writer),
        session=str(session.id),
        validate_only=validate_only,
        complete=session.finished,
        items=session.next_offset,
        **session.counts,
    )


def log_sweep(writer: Writer, service: str, result: Mapping[str, Any]) -> None:
    """Leaves the line of a sweep, also of one that the guard stopped.

    Args:
        service: Raw name of the BI service.
        result: `SweepResult.document`.
    """
    told = {name: value for name, value in result.items() if name != "sample"}
    _log.info("swept", **_who(writer), session=str(writer.session_id), service=service, **told)


def _who(writer: Writer) -> dict[str, str]:
    # Writes of several calls are committed together, by a task that is none of theirs: so the call is named.
    return {"subject": writer.principal.subject, "call_id": writer.call_id}
