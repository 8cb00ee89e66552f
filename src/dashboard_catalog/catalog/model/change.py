"""The description of what one version changed: how it is stored, and how it is read.

Stored in the column `change` as `{"previous": tenths, "added": [[name, new]], "updated": [[name, old, new]],
"deleted": [[name, old]]}`, with the field names of OpenMetadata. References are lists of ids in hex and labels are
`[tag id in hex, label type, state]`, so that a reader sees the names of today. An import knows only the names of some
things, because they are gone: `{"shown": name}` takes the place of such an id.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.model import labels
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.properties.extension_rules import same_json
from dashboard_catalog.store.column_types import uuid_of
from dashboard_catalog.store.records import AssetRecord

_PARTS = ("added", "updated", "deleted")
_ENTITY_FIELDS = ("owners", "domains")
_PROPERTY = "extension."
_REFERENCE_FIELDS = (*_ENTITY_FIELDS, "charts")
# Columns that follow from others, or that are no part of what a version shows.
_NOT_DESCRIBED = ("tag_labels", "deleted_with", "deleted_by_edit", "digest")

FqnOf = Callable[[UUID], Any]
"""Returns the fully qualified name of a thing, its id if it has been removed for good, or what is shown instead."""

IdOf = Callable[[str, str], UUID | None]
"""Returns the id of what a field, such as `owners`, names by a fully qualified name; None if there is no such thing."""


class FieldChange(NamedTuple):
    """The change of one field: plain values, references by fully qualified name; None on the side that has no value."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class ChangeDescription:
    """What one version changed.

    Attributes:
        previous: The version before, in tenths.
    """

    previous: int
    added: list[FieldChange]
    updated: list[FieldChange]
    deleted: list[FieldChange]


def describe(record: AssetRecord, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the stored description of `changes`, new values by column, that are about to be made to `record`."""
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
        elif field not in _NOT_DESCRIBED:
            description.value(_camel(field), old, new)
    return description.parts


def between(kind: AssetKind, one: AssetRecord, other: AssetRecord) -> dict[str, Any]:
    """Returns the stored description of the change from one version of an asset to any other."""
    changes: dict[str, Any] = {
        column: getattr(other, column)
        for column in kind.table.columns
        if column in kind.fields or column in ("name", "deleted")
        if column not in ("tags", "extension")
        if not kind.same(column, getattr(one, column), getattr(other, column))
    }
    if labels.decode(one.tags, one.tag_labels) != labels.decode(other.tags, other.tag_labels):
        changes |= {"tags": other.tags, "tag_labels": other.tag_labels}
    if not same_json(one.extension or {}, other.extension or {}):
        changes["extension"] = other.extension
    return describe(one, changes)


def decode(stored: Mapping[str, Any], fqn_of: FqnOf) -> ChangeDescription:
    """Returns a stored description with names in place of ids."""

    def shown(stored_id: str | dict[str, Any]) -> Any:
        return fqn_of(uuid_of(stored_id)) if isinstance(stored_id, str) else stored_id["shown"]

    def named(name: str, value: Any) -> Any:
        if name in _REFERENCE_FIELDS:
            return [shown(id_) for id_ in value]
        if name == "tags":
            return [_label(shown(id_), label_type, state) for id_, label_type, state in value]
        return value

    return ChangeDescription(
        previous=stored["previous"],
        added=[FieldChange(name, None, named(name, new)) for name, new in stored.get("added", ())],
        updated=[FieldChange(name, named(name, old), named(name, new)) for name, old, new in stored.get("updated", ())],
        deleted=[FieldChange(name, named(name, old), None) for name, old in stored.get("deleted", ())],
    )


def encode(description: ChangeDescription, id_of: IdOf) -> dict[str, Any]:
    """Returns the stored form of a description, whose references `decode` gives back as they are here.

    Raises:
        TypeError: If the value of a field that holds references is no list of them. The message names the field.
    """

    def stored_id(name: str, shown: Any) -> Any:
        if isinstance(shown, str) and (id_ := id_of(name, shown) or _as_id(shown)):
            return id_.hex
        return {"shown": shown}

    def stored(name: str, value: Any) -> Any:
        if name not in (*_REFERENCE_FIELDS, "tags"):
            return value
        if not isinstance(value, list):
            raise TypeError(name)
        if name != "tags":
            return [stored_id(name, one) for one in value]
        try:
            return [[stored_id(name, one["tagFQN"]), str(one["labelType"]), str(one["state"])] for one in value]
        except (KeyError, TypeError):
            raise TypeError(name) from None

    parts: dict[str, Any] = {
        "added": [[name, stored(name, new)] for name, _, new in description.added],
        "updated": [[name, stored(name, old), stored(name, new)] for name, old, new in description.updated],
        "deleted": [[name, stored(name, old)] for name, old, _ in description.deleted],
    }
    return {"previous": description.previous} | {part: entries for part, entries in parts.items() if entries}


def names_in(description: ChangeDescription) -> Iterator[tuple[str, str]]:
    """Yields (field, name) of everything that a description refers to by name."""
    for change in (*description.added, *description.updated, *description.deleted):
        for value in (change.old, change.new):
            for item in value if isinstance(value, list) else ():
                shown = item.get("tagFQN") if change.name == "tags" and isinstance(item, dict) else item
                if change.name in (*_REFERENCE_FIELDS, "tags") and isinstance(shown, str):
                    yield change.name, shown


def property_values(stored: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    """Yields (name, value) of the values of custom properties that a stored description has."""
    for part in _PARTS:
        for name, *values in (stored or {}).get(part, ()):
            if name == "extension":
                yield from (pair for value in values for item in value for pair in item.items())
            elif name.startswith(_PROPERTY):
                yield from ((name.removeprefix(_PROPERTY), value) for value in values)


def with_property_values(stored: Mapping[str, Any], shown: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Returns a stored description with other values of custom properties.

    Args:
        shown: Returns the other value, from the name of the property and its value.
    """

    def entry(name: str, *values: Any) -> list[Any]:
        if name == "extension":
            values = tuple([{key: shown(key, value) for key, value in item.items()} for item in of] for of in values)
        elif name.startswith(_PROPERTY):
            values = tuple(shown(name.removeprefix(_PROPERTY), value) for value in values)
        return [name, *values]

    return {part: [entry(*each) for each in value] if part in _PARTS else value for part, value in stored.items()}


def chart_ids(stored: Mapping[str, Any] | None) -> Iterator[UUID]:
    """Yields the ids of the charts that a stored description names."""
    for _, item in _items(stored, ("charts",)):
        yield uuid_of(item)


def entity_ids(stored: Mapping[str, Any] | None) -> Iterator[UUID]:
    """Yields the ids of the owners, domains and tags that a stored description names."""
    for name, item in _items(stored, (*_ENTITY_FIELDS, "tags")):
        yield uuid_of(item[0] if name == "tags" else item)


def _items(stored: Mapping[str, Any] | None, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    if not stored:
        return
    for part in _PARTS:
        for name, *values in stored.get(part, ()):
            if name in names:
                for value in values:
                    for item in value:
                        if not isinstance(item[0] if name == "tags" else item, dict):
                            yield name, item


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
        """Describes a list by the elements that came and went; a new order is an update of the whole list."""
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
                self._add("updated", f"{_PROPERTY}{key}", old[key], new[key])


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _hex(ids: list[UUID]) -> list[str]:
    return [id_.hex for id_ in ids]


def _labels(tags: list[UUID], special: dict[str, list[str]] | None) -> list[tuple[str, ...]]:
    return [(id_.hex, *label) for id_, label in labels.decode(tags, special).items()]


def _label(tag_fqn: str, label_type: str, state: str) -> dict[str, str]:
    return {"tagFQN": tag_fqn, "source": "Classification", "labelType": label_type, "state": state}


def _camel(field: str) -> str:
    first, *others = field.split("_")
    return first + "".join(other.capitalize() for other in others)
