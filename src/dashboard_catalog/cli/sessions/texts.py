"""Bulk sessions in words."""

from collections.abc import Iterator

from dashboard_catalog.cli.ingest.report import OUTCOMES
from dashboardcatalog.v1 import bulk_pb2, bulk_session_pb2

_STATE = "BULK_SESSION_STATE_"


def state_text(session: bulk_session_pb2.BulkSession) -> str:
    """Returns the state of a session: `broken off`."""
    return bulk_session_pb2.BulkSessionState.Name(session.state).removeprefix(_STATE).replace("_", " ").lower()


def counts_text(summary: bulk_pb2.BulkUpsertSummary) -> str:
    """Returns what a session has done: `12 created, 3 failed`."""
    return ", ".join(_counts(summary)) or "nothing"


def _counts(summary: bulk_pb2.BulkUpsertSummary) -> Iterator[str]:
    for outcome in OUTCOMES:
        if count := getattr(summary, outcome):
            yield f"{count:,} {outcome}"
    if summary.sweep.deleted:
        yield f"{summary.sweep.deleted:,} swept"
