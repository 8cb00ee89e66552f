"""OpenMetadata's answer to a request about many things, each of which can fail alone."""

from collections.abc import Iterable, Sequence
from typing import Any

from dashboard_catalog.catalog.reading.room import MAX_ANSWER_BYTES
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.edge.errors import status_of

Failure = tuple[str, CatalogError]
"""Name of a thing, and why it failed."""

_PASSED = 200
_MAX_MESSAGE_CHARACTERS = 512
# About the size of an entry without its texts.
_ENTRY_BYTES = 64


def bulk_answer(passed: Sequence[str], failed: Sequence[Failure], *, count: int | None = None) -> dict[str, Any]:
    """Returns the answer.

    Args:
        passed: Names of the things that succeeded.
        failed: Those that did not.
        count: How many succeeded, if `passed` does not name all of them.

    Returns:
        The number of things, and as many of their entries as fit into an answer.
    """
    succeeded = len(passed) if count is None else count
    failures = _fitting(_failure(name, error) for name, error in failed)
    return {
        "status": _status(succeeded, len(failed)),
        "numberOfRowsProcessed": succeeded + len(failed),
        "numberOfRowsPassed": succeeded,
        "numberOfRowsFailed": len(failed),
        "successRequest": _fitting({"request": name, "status": _PASSED} for name in passed),
        "failedRequest": failures,
    }


def _status(passed: int, failed: int) -> str:
    if not failed:
        return "success"
    return "partialSuccess" if passed else "failure"


def _failure(name: str, error: CatalogError) -> dict[str, Any]:
    return {"request": name, "status": status_of(error), "message": error.message[:_MAX_MESSAGE_CHARACTERS]}


def _fitting(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the first entries, at most half of an answer."""
    kept: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        size += _ENTRY_BYTES + len(entry["request"].encode()) + len(entry.get("message", "").encode())
        if size > MAX_ANSWER_BYTES // 2:
            break
        kept.append(entry)
    return kept
