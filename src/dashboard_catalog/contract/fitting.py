"""Keeps every asset small enough for a response that any client accepts.

The limits of its parts allow an asset of more than 10 MB: it has up to 2,000 charts, each with long names. Such an
asset is shown without some of its parts. They are left out in a fixed order, each as a whole, and `omitted_fields`
names them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dashboard_catalog.contract.limits import MAX_ASSET_BYTES, MAX_KEPT_BYTES


def fit(asset: Any) -> None:
    """Leaves out parts of the message of an asset until it has at most `MAX_ASSET_BYTES`."""
    if asset.ByteSize() <= MAX_ASSET_BYTES:
        return
    for path, leave_out in _PARTS.items():
        field = path.partition(".")[0]
        if field in asset.DESCRIPTOR.fields_by_name and leave_out(getattr(asset, field)):
            asset.omitted_fields.append(path)
            if asset.ByteSize() <= MAX_ASSET_BYTES:
                return


def fit_change(description: Any) -> None:
    """Leaves out the values in a change description that has more than `MAX_ASSET_BYTES`."""
    if description.ByteSize() > MAX_ASSET_BYTES:
        _without_values(description)


def fit_names(parts: Iterable[str]) -> list[str]:
    """Returns what a write left alone or left out in at most `MAX_KEPT_BYTES`, then the fields of everything else."""
    size = 0
    shown: dict[str, None] = {}
    for entry in parts:
        size += len(entry.encode())
        shown[entry if size <= MAX_KEPT_BYTES else entry.partition(".")[0]] = None
    return list(shown)


def _without_values(description: Any) -> bool:
    """Leaves the names of the fields that changed."""
    changes = [*description.fields_added, *description.fields_updated, *description.fields_deleted]
    for change in changes:
        change.ClearField("old_value")
        change.ClearField("new_value")
    return bool(changes)


def _without(name: str) -> Callable[[Any], bool]:
    def leave_out(references: Any) -> bool:
        had = False
        for reference in references:
            had = had or bool(getattr(reference, name))
            reference.ClearField(name)
        return had

    return leave_out


def _without_names(edited: Any) -> bool:
    """Leaves the marked fields. The names of tags and properties may have gathered over years."""
    had = bool(edited.tags or edited.extension_keys)
    edited.ClearField("tags")
    edited.ClearField("extension_keys")
    return had


# By the path that callers see, in the order in which they can be missed most easily. Without all of them, an asset
# with everything else at its limit is small enough.
_PARTS: Mapping[str, Callable[[Any], bool]] = {
    "change_description": _without_values,
    "charts.display_name": _without("display_name"),
    "charts.fully_qualified_name": _without("fully_qualified_name"),
    "owners.display_name": _without("display_name"),
    "owners.fully_qualified_name": _without("fully_qualified_name"),
    "edited": _without_names,
}
