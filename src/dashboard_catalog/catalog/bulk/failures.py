"""Keeps the refused items of a session with their errors, so that a client that missed them can read them again.

An error is stored as the parts that it is made of; `encode_error` documents the form.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dashboard_catalog.catalog.model.commands import ChunkItem
from dashboard_catalog.catalog.writing.pipeline import Result
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation
from dashboard_catalog.store.records import FailureRecord, SessionRecord


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
            fqn=_storable(item.fqn),
            error=encode_error(result),
        )
        for item, result in zip(items, results, strict=True)
        if isinstance(result, CatalogError)
    ]


def read_failure(row: FailureRecord) -> ItemFailure:
    """Returns the refused item of a row."""
    return ItemFailure(row.item_offset, row.kind, row.fqn, decode_error(row.error))


def encode_error(error: CatalogError) -> dict[str, Any]:
    """Returns the stored form of an error, in JSON values.

    `{"reason", "message", "metadata": {key: value}, "violations": [[field, reason, description]],
    "resource": [type, name] or None}`. Errors of items are never worth a retry, so `retry_after` is not kept.
    """
    return {
        "reason": error.reason,
        "message": _storable(error.message),
        "metadata": {key: _storable(value) for key, value in error.metadata.items()},
        "violations": [[_storable(each.field), each.reason, _storable(each.description)] for each in error.violations],
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


def _storable(text: str) -> str:
    """Replaces U+0000, which no database stores but a refused item may hold."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
