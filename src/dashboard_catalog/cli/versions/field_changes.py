"""The changes of a version field by field, as people think of them: what came, what went, what has another value.

Pure: from a `ChangeDescription` to texts.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value

from dashboardcatalog.v1 import asset_pb2, chart_pb2, dashboard_pb2

_LISTS = frozenset(("owners", "domains", "tags", "charts"))
_EXTENSION = "extension"
_OF_EVERY_WRITE = frozenset(("updatedAt", "updatedBy"))
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# The place of each field in its message, by the name that changes have.
_ORDER: Mapping[str, int] = {
    field.json_name: field.number
    for one in (dashboard_pb2.Dashboard, chart_pb2.Chart)
    for field in one.DESCRIPTOR.fields
}


@dataclass(slots=True)
class FieldChanged:
    """The change of one field. Nothing is set but the name if the server has left out the values.

    Attributes:
        name: Its name in the contract, in camelCase; `extension.KEY` for a custom property.
        old: Text of the old value; None if there was none. Of a list with a new order: its elements, one per line.
        new: Text of the new value; None if there is none. Of a list likewise.
        removed: What a list has no longer.
        added: What a list has now.
    """

    name: str
    old: str | None = None
    new: str | None = None
    removed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The name for people: `display name`."""
        if self.name.startswith(_EXTENSION):
            return self.name
        label = _CAPITAL.sub(" ", self.name).lower()
        return f"{label} (order)" if self.is_reordered else label

    @property
    def is_reordered(self) -> bool:
        """Whether only the order of a list has changed."""
        return self.name in _LISTS and self.new is not None

    @property
    def has_lines(self) -> bool:
        """Whether the values are texts of several lines, or would be on a page."""
        return self.name == "description" or self.is_reordered or "\n" in f"{self.old}{self.new}"


def field_changes(description: asset_pb2.ChangeDescription) -> list[FieldChanged]:
    """Returns the changes in the order in which the contract has the fields."""
    found: dict[str, FieldChanged] = {}
    for change in (*description.fields_deleted, *description.fields_added, *description.fields_updated):
        old, new = _python(change, "old_value"), _python(change, "new_value")
        if change.name == _EXTENSION:
            found |= {one.name: one for one in _properties(old, new)}
        elif change.name in _LISTS:
            _take_elements(found.setdefault(change.name, FieldChanged(change.name)), old, new)
        else:
            found[change.name] = FieldChanged(change.name, _text_or_none(old), _text_or_none(new))
    return sorted(found.values(), key=lambda one: (_ORDER.get(one.name.partition(".")[0], 0), one.name))


def _take_elements(one: FieldChanged, old: Any, new: Any) -> None:
    if old and new:
        one.old, one.new = ("\n".join(map(_text, elements)) for elements in (old, new))
        return
    one.removed += map(_text, old or ())
    one.added += map(_text, new or ())


def _properties(old: Any, new: Any) -> Iterator[FieldChanged]:
    """Yields the custom properties that were added or removed: a change has them as a list of objects."""
    for values, is_new in ((old, False), (new, True)):
        for one in values or ():
            for key, value in one.items():
                name, text = f"{_EXTENSION}.{key}", _text(value)
                yield FieldChanged(name, new=text) if is_new else FieldChanged(name, old=text)


def _python(change: asset_pb2.FieldChange, side: str) -> Any:
    value: Value = getattr(change, side)
    return json_format.MessageToDict(value) if change.HasField(side) else None  # type: ignore[arg-type]


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case {"hidden": True, "type": kind}:
            return f"a {kind} that you may not view"
        case {"tagFQN": tag}:
            return ", ".join([str(tag), *_labelled(value)])
        case _:
            return json.dumps(_whole(value), ensure_ascii=False)


def _labelled(label: Mapping[str, Any]) -> Iterator[str]:
    """Yields how a tag was added, if not by hand and for good."""
    for key, default in (("labelType", "Manual"), ("state", "Confirmed")):
        if (value := label.get(key, default)) != default:
            yield str(value).lower()


def _whole(value: Any) -> Any:
    """Returns a value with whole numbers as people write them: `Value` has only floating ones."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def entity_changes(old: Message, new: Message) -> Iterator[FieldChanged]:
    """Yields what differs between two states of an entity, which has no change description."""
    before, after = json_format.MessageToDict(old), json_format.MessageToDict(new)
    for known in old.DESCRIPTOR.fields:
        name = known.json_name
        was, now = before.get(name), after.get(name)
        if was == now or name in _OF_EVERY_WRITE:
            continue
        if known.is_repeated:
            removed = [_text(one) for one in was or () if one not in (now or ())]
            added = [_text(one) for one in now or () if one not in (was or ())]
            yield FieldChanged(name, removed=removed, added=added)
        else:
            yield FieldChanged(name, _text_or_none(was), _text_or_none(now))
