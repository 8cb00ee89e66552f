"""Whether a reference can be used, and why not: the one place that decides it and puts it into words."""

from collections.abc import Sequence
from typing import Protocol

from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.catalog.model.refusals import renamed_hint
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation


class Referable(Protocol):
    """A thing that can be referred to."""

    @property
    def deleted(self) -> bool:
        """Whether it is soft-deleted."""


class Deletable(Referable, Protocol):
    """A thing of which it is known whether people deleted it."""

    @property
    def deleted_by_edit(self) -> bool:
        """Whether people deleted it."""


def why_unusable(
    path: str,
    kinds: str | Sequence[str],
    shown: str,
    found: Referable | None,
    *,
    failed: bool,
    held: bool = False,
    moved_to: str | None = None,
) -> Violation | None:
    """Returns why a reference cannot be used, or None if it can.

    Args:
        path: Field path of the reference.
        kinds: Kind of the thing, or the kinds that it may have.
        shown: The thing as the caller named it.
        found: The thing, if it exists.
        failed: Whether the item of the same chunk that writes the thing was refused.
        held: Whether the thing that refers to it already does. Such a reference may be deleted.
        moved_to: Today's fully qualified name of the thing that had this name before.
    """
    if found is not None and not failed and (held or not found.deleted):
        return None
    label = label_of(kinds) if isinstance(kinds, str) else " or ".join(map(label_of, kinds))
    if failed:
        return Violation(path, ViolationReason.FAILED_REFERENCE, f"{label} {shown} failed in this chunk")
    if found is None:
        text = f"there is no {label} {shown}{renamed_hint(moved_to)}"
        return Violation(path, ViolationReason.UNKNOWN_REFERENCE, text)
    return Violation(path, ViolationReason.DELETED_REFERENCE, f"{label} {shown} is deleted")


def is_left_out(found: Deletable | None, *, edits: bool, failed: bool) -> bool:
    """Says whether a write leaves out a reference: ingestion does, where people have deleted what it refers to."""
    return found is not None and found.deleted and found.deleted_by_edit and not edits and not failed
