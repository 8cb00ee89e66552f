"""Reverts a bulk session for `revert --session`: asks, shows the progress, and reports what was skipped."""

from collections.abc import Iterator
from typing import Any

import grpc
import typer
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.calls import call_catalog
from dashboard_catalog.cli.connection import Connection
from dashboard_catalog.cli.edits.asking import ask
from dashboard_catalog.cli.endings import CommandError, Interrupted
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.moments import local_time
from dashboard_catalog.cli.progress import Shown, progress
from dashboard_catalog.cli.sessions.texts import counts_text
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import bulk_pb2, bulk_session_pb2

_SKIP = "BULK_REVERT_SKIP_"
_REASONS = {
    "CHANGED_SINCE": "changed since the session, or used by others",
    "REMOVED": "removed for good",
    "DENIED": "you may not write it",
    "ENTITY": "an entity, which has no versions",
}
_SAFE_TO_REPEAT = "It is safe to run the command again; it goes on from there."


def revert_session(connected: Connection, session_id: str, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Reverts a session and prints the summary.

    Raises:
        CommandError: If the user does not agree, or the server ends the call early.
        typer.Exit: With status 1 if something was skipped.
    """
    session = call_catalog(connected, "GetBulkSession", session_id=session_id, page_size=1).session
    if not dry_run:
        ask(_question(session), yes=yes, otherwise="nothing was reverted")
    with progress("Reverting") as shown:
        shown.begin(_written(session.summary))
        summary = _run(connected, session_id, shown, dry_run=dry_run)
    if as_json:
        print_message(summary)
    else:
        output.print_lines(_lines(summary, dry_run=dry_run))
    if summary.skipped:
        raise typer.Exit(1)


def _question(session: bulk_session_pb2.BulkSession) -> str:
    of = f" of {session.service}" if session.service else ""
    did = counts_text(session.summary)
    return f"Revert the load{of} that {session.owner} began at {local_time(session.started_at)} ({did})?"


def _written(summary: bulk_pb2.BulkUpsertSummary) -> int:
    """Returns how many things a session wrote."""
    return summary.created + summary.updated + summary.restored + summary.sweep.deleted


def _run(
    connected: Connection, session_id: str, shown: Shown, *, dry_run: bool
) -> bulk_session_pb2.RevertSessionSummary:
    request = bulk_session_pb2.RevertSessionRequest(session_id=session_id, validate_only=dry_run)
    done = bulk_session_pb2.RevertSessionProgress()
    call: Any = connected.catalog.RevertSession(request, metadata=connected.metadata)
    try:
        for response in call:
            if response.HasField("summary"):
                summary: bulk_session_pb2.RevertSessionSummary = response.summary
                return summary
            done = response.progress
            shown.done(done.done)
    except KeyboardInterrupt:
        call.cancel()
        raise Interrupted(f"interrupted. {_so_far(done)}".rstrip()) from None
    except grpc.RpcError as error:
        raise CommandError(f"{connected.explain(error)}\n{_so_far(done)}".rstrip()) from error
    raise CommandError(f"the server ended the call without a summary. {_so_far(done)}".rstrip())


def _so_far(done: bulk_session_pb2.RevertSessionProgress) -> str:
    return f"{done.reverted:,} reverted so far. {_SAFE_TO_REPEAT}" if done.done else ""


def _lines(summary: bulk_session_pb2.RevertSessionSummary, *, dry_run: bool) -> Iterator[Text]:
    would = "would be " if dry_run else ""
    yield Text(f"{summary.reverted:,} {would}reverted, {summary.skipped:,} skipped")
    by_reason: dict[str, list[bulk_session_pb2.BulkRevertSkipped]] = {}
    for skipped in summary.sample:
        reason = bulk_session_pb2.BulkRevertSkip.Name(skipped.reason).removeprefix(_SKIP)
        by_reason.setdefault(reason, []).append(skipped)
    for reason, some in by_reason.items():
        yield Text(f"skipped: {_REASONS.get(reason, reason)}", "bold")
        for skipped in some:
            kind = Kind.named(skipped.kind).replace("_", " ")
            yield output.cell(f"  {kind} {skipped.fully_qualified_name}")
    if more := summary.skipped - len(summary.sample):
        yield output.cell(f"... and {more:,} more that were skipped")
