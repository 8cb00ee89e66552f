"""Why a reference cannot be used: the one place that decides it and puts it into words."""

from typing import Protocol

from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.errors import Violation, ViolationReason


class Referable(Protocol):
    """A thing that can be referred to."""

    @property
    def deleted(self) -> bool:
        """Whether it is soft-deleted."""


def why_unusable(
    path: str, kind: str, shown: str, found: Referable | None, *, failed: bool, held: bool = False
) -> Violation | None:
    """Returns why a reference cannot be used, or None if it can.

    Args:
        path: Field path of the reference.
        kind: Kind of the thing, or several kinds joined by ` or `.
        shown: The thing as the caller named it.
        found: The thing, if it exists.
        failed: Whether the item of the same chunk that writes the thing was refused.
        held: Whether the thing that refers to it already does. Such a reference may be deleted.
    """
    label = label_of(kind)
    if failed:
        return Violation(path, ViolationReason.FAILED_REFERENCE, f"{label} {shown} failed in this chunk")
    if found is None:
        return Violation(path, ViolationReason.UNKNOWN_REFERENCE, f"there is no {label} {shown}")
    if found.deleted and not held:
        return Violation(path, ViolationReason.DELETED_REFERENCE, f"{label} {shown} is deleted")
    return None
