"""The description of what one version changed, as it is stored.

`{"previous": tenths, "added": [[name, new]], "updated": [[name, old, new]], "deleted": [[name, old]]}`, with the names
that OpenMetadata uses. References stand as lists of ids in hex, labels as [id, label type, state]; reading turns them
into names.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.properties.extension_shape import same_json
from dashboard_catalog.catalog.writing.merge import labels_of
from dashboard_catalog.store.tables import AssetRecord

REFERENCE_FIELDS = ("owners", "domains", "charts")
"""Names in a description whose values are lists of ids."""

_UNTOLD = ("tag_labels", "deleted_with", "deleted_by_edit", "digest")


def described(record: AssetRecord, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the description of `changes`, new values by column, that are about to be made to `record`."""
    description = _Description(record.version)
    for field, new in changes.items():
        old = getattr(record, field)
        if field in ("owners", "charts"):
            description.elements(field, _hex(old), _hex(new))
        elif field == "domain":
            description.elements("domains", _hex([old] if old else []), _hex([new] if new else []))
        elif field == "tags":
            before = _labels(record.tags, record.tag_labels)
            description.elements("tags", before, _labels(new, changes.get("tag_labels")))
        elif field == "extension":
            description.properties(old or {}, new or {})
        elif field not in _UNTOLD:
            description.value(_camel(field), old, new)
    return description.parts


class _Description:
    def __init__(self, previous: int) -> None:
        self.parts: dict[str, Any] = {"previous": previous}

    def _add(self, part: str, *entry: Any) -> None:
        self.parts.setdefault(part, []).append(list(entry))

    def value(self, name: str, old: Any, new: Any) -> None:
        if old is None:
            self._add("added", name, new)
        elif new is None:
            self._add("deleted", name, old)
        else:
            self._add("updated", name, old, new)

    def elements(self, name: str, old: list[Any], new: list[Any]) -> None:
        """Of lists, only what came and what went; a new order is an update of the whole."""
        before, after = set(old), set(new)
        came = [item for item in new if item not in before]
        gone = [item for item in old if item not in after]
        if came:
            self._add("added", name, came)
        if gone:
            self._add("deleted", name, gone)
        if not came and not gone:
            self._add("updated", name, old, new)

    def properties(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        came = [{key: value} for key, value in new.items() if key not in old]
        gone = [{key: value} for key, value in old.items() if key not in new]
        if came:
            self._add("added", "extension", came)
        if gone:
            self._add("deleted", "extension", gone)
        for key in old.keys() & new.keys():
            if not same_json(old[key], new[key]):
                self._add("updated", f"extension.{key}", old[key], new[key])


def _hex(ids: list[UUID]) -> list[str]:
    return [id_.hex for id_ in ids]


def _labels(tags: list[UUID], special: dict[str, list[str]] | None) -> list[tuple[str, ...]]:
    return [(id_.hex, *label) for id_, label in labels_of(tags, special).items()]


def _camel(field: str) -> str:
    first, *others = field.split("_")
    return first + "".join(other.capitalize() for other in others)
