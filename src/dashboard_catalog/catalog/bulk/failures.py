"""The refused items of a session, as they are stored."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard_catalog.catalog.model.commands import ChunkItem
from dashboard_catalog.catalog.writing.pipeline import Result
from dashboard_catalog.errors import CatalogError, Reason, Violation, ViolationReason
from dashboard_catalog.store.tables import FailureRecord, SessionRecord


def document_of(error: CatalogError) -> dict[str, Any]:
    """Returns what an error is made of, as JSON values."""
    return {
        "reason": error.reason,
        "message": _storable(error.message),
        "metadata": {key: _storable(value) for key, value in error.metadata.items()},
        "violations": [[_storable(each.field), each.reason, _storable(each.description)] for each in error.violations],
        "resource": [_storable(part) for part in error.resource] if error.resource else None,
    }


def error_of(document: Mapping[str, Any]) -> CatalogError:
    """Returns the error that `document_of` took apart."""
    resource = document["resource"]
    return CatalogError(
        Reason(document["reason"]),
        document["message"],
        metadata=document["metadata"],
        violations=[Violation(path, ViolationReason(why), text) for path, why, text in document["violations"]],
        resource=(resource[0], resource[1]) if resource else None,
    )


def failure_records(
    record: SessionRecord, items: Sequence[ChunkItem], results: Sequence[Result]
) -> list[FailureRecord]:
    """Returns the rows of the items of a chunk that were refused."""
    return [
        FailureRecord(
            service_id=record.service_id,
            session_id=record.id,
            item_offset=item.offset,
            kind=item.kind,
            fqn=_storable(item.fqn),
            error=document_of(result),
        )
        for item, result in zip(items, results, strict=True)
        if isinstance(result, CatalogError)
    ]


def _storable(text: str) -> str:
    """Returns a text that may be what a caller was refused for: with a mark for U+0000, which no database keeps."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
