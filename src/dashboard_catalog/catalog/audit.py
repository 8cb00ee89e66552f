"""The audit lines of writes: who did what to which thing, in which call. They are logged after the commit.

Whoever answers a denied caller logs the denial (`ActionDenied.log`). For the items of a stream that happens here.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import structlog

from dashboard_catalog import logs
from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.catalog.model import version
from dashboard_catalog.catalog.model.commands import AssetWrite, Verb, Write, Writer, WrittenAsset, WrittenEntity
from dashboard_catalog.catalog.model.kinds import EntityKind
from dashboard_catalog.catalog.writing.pipeline import Result
from dashboard_catalog.metrics.declared import AuthMetrics
from dashboard_catalog.store.records import EntityRecord

_log = structlog.get_logger("dashboard_catalog.audit")


def log_writes(writes: Sequence[Write], results: Sequence[Result]) -> None:
    """Logs one line per write that was not refused, even if it changed nothing.

    Args:
        results: The result of each write, in the order of the writes.
    """
    # Rendered together, because to log each line by itself would take several times as long.
    same = {"event": "written", "level": "info", "timestamp": logs.timestamp(time.time_ns())}
    assets: list[tuple[int, dict[str, Any]]] = []
    for write, result in zip(writes, results, strict=True):
        if isinstance(result, WrittenAsset) and isinstance(write, AssetWrite):
            assets.append((logging.INFO, {**_who(write.writer), **_asset_fields(write, result), **same}))
        elif isinstance(result, WrittenEntity):
            log_entity_write(write.writer, "upsert", result.kind, result.record, result.outcome.value)
    logs.write_all(assets, dict, logs.as_json)


def log_entity_write(
    writer: Writer,
    action: str,
    kind: EntityKind,
    record: EntityRecord,
    outcome: str | None = None,
    **more: str,
) -> None:
    """Logs the write of one entity."""
    _log.info("written", **_who(writer), action=action, kind=kind.name, fqn=record.fqn, outcome=outcome, **more)


def log_denied_items(writer: Writer, results: Sequence[Result], metrics: AuthMetrics) -> None:
    """Logs one line per item of a chunk that the policies denied, and counts it."""
    for result in results:
        if isinstance(result, ActionDenied):
            result.log(writer.call_id, metrics)


def log_chunk(writer: Writer, counts: Counter[str]) -> None:
    """Logs the commit of a chunk.

    Args:
        counts: Number of its items by outcome.
    """
    _log.info("chunk_written", **_session(writer), items=counts.total(), **counts)


def log_sweep(writer: Writer, service: str, *, outcome: str, deleted: int, would_delete: int) -> None:
    """Logs a sweep, even if a guard stopped it.

    Args:
        service: Raw name of the BI service.
    """
    counts = {"deleted": deleted, "would_delete": would_delete}
    _log.info("swept", **_session(writer), service=service, outcome=outcome, **counts)


def log_stream_end(writer: Writer, counts: Counter[str], *, validate_only: bool, complete: bool) -> None:
    """Logs the end of a stream, however it ended.

    Args:
        counts: Number of the items of its session by outcome.
        complete: Whether the session has finished.
    """
    progress = {"validate_only": validate_only, "complete": complete, "items": counts.total()}
    _log.info("bulk_ended", **_session(writer), **progress, **counts)


def log_undo_chunk(writer: Writer, *, reverted: int, skipped: int) -> None:
    """Logs the commit of a chunk of what puts a session back."""
    _log.info("undo_chunk_written", **_session(writer), reverted=reverted, skipped=skipped)


def log_undone(writer: Writer, *, reverted: int, skipped: int, validate_only: bool, complete: bool) -> None:
    """Logs the end of a call that puts a session back, however it ended.

    Args:
        reverted: Number of assets that it has put back.
        skipped: Number of things that it has left alone.
        complete: Whether it has looked at everything that the session wrote.
    """
    progress = {"validate_only": validate_only, "complete": complete}
    _log.info("session_reverted", **_session(writer), **progress, reverted=reverted, skipped=skipped)


def _asset_fields(write: AssetWrite, result: WrittenAsset) -> dict[str, Any]:
    return {
        "action": "hard_delete" if write.hard else write.verb.value,
        "kind": result.kind.name,
        "fqn": result.fqn,
        "version": version.as_text(result.record.version),
        "outcome": None if write.verb is Verb.DELETE else result.outcome.value,
        "charts": result.charts,
        **({"former_fqn": result.former_fqn} if result.former_fqn else {}),
    }


def _who(writer: Writer) -> dict[str, str]:
    # The batch of several calls is committed outside all of them, so the log's context does not know the call.
    return {"subject": writer.principal.subject, "call_id": writer.call_id}


def _session(writer: Writer) -> dict[str, str]:
    return {**_who(writer), "session": str(writer.session_id)}
