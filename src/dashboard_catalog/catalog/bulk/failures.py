"""Keeps the refused items of a session with their errors, so that a client that missed them can read them again.

An error is stored as the parts that it is made of; `encode_error` documents the form. What a session keeps is bounded,
and so is what all sessions of a caller keep, because refused items must not fill the database.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dashboard_catalog.catalog.model.commands import ChunkItem
from dashboard_catalog.catalog.writing.pipeline import Result
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation
from dashboard_catalog.store.records import FailureRecord, SessionRecord

MAX_SESSION_BYTES = 8 * 2**20
"""Size of the refused items that a session keeps."""

MAX_CALLER_BYTES = 64 * 2**20
"""Size of the refused items that all sessions of a caller keep."""

# A status shows no more of a text, and no more violations than fit into this size.
_SHOWN_CHARACTERS, _SHOWN_TEXT_BYTES, _SHOWN_BYTES = 512, 256, 4096
# The keys of a row, about.
_ROW_BYTES = 100


class ItemFailure(NamedTuple):
    """An item that was refused.

    Attributes:
        offset: Its place in the stream.
        kind: Its kind; empty if the item holds nothing.
        fqn: Its fully qualified name; empty if it cannot be read.
        error: Why it was refused.
    """

    offset: int
    kind: str
    fqn: str
    error: CatalogError


def failure_rows(session: SessionRecord, items: Sequence[ChunkItem], results: Sequence[Result]) -> list[FailureRecord]:
    """Returns the rows of the refused items of a chunk.

    Args:
        results: The result of each item, in the order of the items.
    """
    return [
        FailureRecord(
            service_id=session.service_id,
            session_id=session.id,
            item_offset=item.offset,
            kind=item.kind,
            fqn=item.fqn.replace("\0", "\N{REPLACEMENT CHARACTER}"),
            error=encode_error(result),
        )
        for item, result in zip(items, results, strict=True)
        if isinstance(result, CatalogError)
    ]


def keep_failures(session: SessionRecord, rows: Iterable[FailureRecord], kept_bytes: int) -> list[FailureRecord]:
    """Returns the first rows, as many as the session has room for, and counts those and the others in its record.

    Args:
        kept_bytes: Size of what all sessions of the caller keep already.
    """
    room = min(MAX_SESSION_BYTES - session.failure_bytes, MAX_CALLER_BYTES - kept_bytes)
    kept = []
    for row in rows:
        size = _ROW_BYTES + len(row.fqn.encode()) + len(json.dumps(row.error))
        if session.failures_not_kept or size > room:
            session.failures_not_kept += 1
            continue
        room -= size
        session.failure_bytes += size
        kept.append(row)
    return kept


def read_failure(row: FailureRecord) -> ItemFailure:
    """Returns the refused item of a row."""
    return ItemFailure(row.item_offset, row.kind, row.fqn, decode_error(row.error))


def encode_error(error: CatalogError) -> dict[str, Any]:
    """Returns the stored form of an error, in JSON values.

    `{"reason", "message", "metadata": {key: value}, "violations": [[field, reason, description]],
    "resource": [type, name] or None}`, without what no status shows. If violations are left out, `metadata` has their
    number under `violations`. Errors of items are never worth a retry, so `retry_after` is not kept.
    """
    shown = _shown(error.violations)
    metadata = {key: _storable(value) for key, value in error.metadata.items()}
    if len(shown) < len(error.violations):
        metadata["violations"] = str(len(error.violations) + error.more)
    return {
        "reason": error.reason,
        "message": _storable(error.message),
        "metadata": metadata,
        "violations": [[_storable(each.field), each.reason, _storable(each.description)] for each in shown],
        "resource": [_storable(part) for part in error.resource] if error.resource else None,
    }


def decode_error(document: Mapping[str, Any]) -> CatalogError:
    """Returns the error that `encode_error` has stored."""
    resource = document["resource"]
    return CatalogError(
        Reason(document["reason"]),
        document["message"],
        metadata=document["metadata"],
        violations=[Violation(field, ViolationReason(reason), text) for field, reason, text in document["violations"]],
        resource=(resource[0], resource[1]) if resource else None,
    )


def _shown(violations: Sequence[Violation]) -> Sequence[Violation]:
    """Returns at least the violations that a status has room for."""
    size = 0
    for count, violation in enumerate(violations):
        if size > _SHOWN_BYTES:
            return violations[:count]
        size += sum(min(len(text.encode()), _SHOWN_TEXT_BYTES) for text in (violation.field, violation.description))
    return violations


def _storable(text: str) -> str:
    """Cuts a text, and replaces U+0000, which no database stores but a refused item may hold."""
    # One character more than is shown, which tells a status that it must cut.
    return text[: _SHOWN_CHARACTERS + 1].replace("\0", "\N{REPLACEMENT CHARACTER}")
