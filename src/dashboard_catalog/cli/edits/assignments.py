"""Turns `--set FIELD=VALUE` and `--clear FIELD` into a message and an update mask.

A value is JSON. Plain text is also accepted for a text field, one element of a list, and the value of a custom
property.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from dashboard_catalog.cli.edits.fields import field_named
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.sources.files.json_values import values_of
from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind

_EXTENSION = "extension"
_NOT_JSON = object()


@dataclass(frozen=True, slots=True)
class Assigned:
    """The fields to write.

    Attributes:
        message: `DashboardSpec`, `ChartSpec` or the message of an entity, with the new values.
        paths: The update mask.
    """

    message: Message
    paths: list[str]


def assigned(kind: Kind, to_set: Iterable[str], to_clear: Iterable[str]) -> Assigned:
    """Returns what the options ask for.

    Raises:
        CommandError: If a field or a value is wrong; the text names the field.
    """
    body: dict[str, Any] = {}
    for assignment in to_set:
        _set(kind, assignment, body)
    cleared = [_clear(kind, name, body) for name in to_clear]
    # A list that ends up empty is in the mask and not in the message.
    paths = dict.fromkeys([*body, *cleared])
    conversion = convert(kind, body)
    if conversion.problems or conversion.dropped:
        raise CommandError(_complaint(kind, conversion.problems, conversion.dropped))
    item = conversion.item
    return Assigned(getattr(item if kind.is_asset else item.entity, kind), list(paths))


def _set(kind: Kind, assignment: str, body: dict[str, Any]) -> None:
    name, equals, text = assignment.partition("=")
    if not equals or not name:
        raise CommandError(f"--set {assignment}: expected FIELD=VALUE, such as description='Sales by region'")
    if key := _extension_key(kind, name):
        _keep_unset(body.setdefault(_EXTENSION, {}), key, f"--set {name}")
        body[_EXTENSION][key] = text if (value := _json(text)) is _NOT_JSON else value
        return
    field = field_named(kind, name, "--set")
    value = _value(field, text, f"--set {name}")
    if field.is_repeated:
        body[field.name] = [*body.get(field.name, []), *value]
        return
    _keep_unset(body, field.name, f"--set {name}")
    body[field.name] = value


def _clear(kind: Kind, name: str, body: dict[str, Any]) -> str:
    if key := _extension_key(kind, name):
        _keep_unset(body.setdefault(_EXTENSION, {}), key, f"--clear {name}")
        # A key that is null is cleared.
        body[_EXTENSION][key] = None
        return _EXTENSION
    field = field_named(kind, name, "--clear")
    _keep_unset(body, field.name, f"--clear {name}")
    return field.name


def _keep_unset(values: dict[str, Any], key: str, option: str) -> None:
    if key in values:
        raise CommandError(f"{option}: the field is already given a value")


def _extension_key(kind: Kind, name: str) -> str:
    before, _, key = name.partition(".")
    return key if kind.is_asset and before == _EXTENSION else ""


def _value(field: FieldDescriptor, text: str, option: str) -> Any:
    """Returns the value of a field as JSON would have it."""
    value = _json(text)
    if value is None:
        raise CommandError(f"{option}: null is no value; clear the field with --clear {field.name}")
    if field.is_repeated:
        return [_element(field, one) for one in _elements(value, text, option)]
    if field.type == FieldDescriptor.TYPE_STRING:
        return value if isinstance(value, str) else text
    if value is _NOT_JSON:
        is_flag = field.type == FieldDescriptor.TYPE_BOOL
        expected = "true or false" if is_flag else 'a JSON object, such as \'{"values": ["daily"]}\''
        raise CommandError(f"{option}: {text!r} is not JSON; expected {expected}")
    return value


def _elements(value: Any, text: str, option: str) -> list[Any]:
    """Returns the elements that a value adds to a list: those of a JSON list, or itself."""
    if isinstance(value, list):
        return value
    if value is _NOT_JSON and text.lstrip().startswith(("[", "{")):
        raise CommandError(f'{option}: {text!r} is not JSON; expected a list such as \'["A", "B"]\', or one element')
    return [value if isinstance(value, str | dict) else text]


def _element(field: FieldDescriptor, element: Any) -> Any:
    """Returns an element of a list. Owners and tags may be texts, as other commands show and take them."""
    if isinstance(element, str) and field.name == "tags":
        return {"tagFQN": element}
    if isinstance(element, str) and field.name == "owners":
        kind, _, name = element.partition(":")
        if kind not in {"user", "team"} or not name:
            raise CommandError(f"--set owners: {element!r} is not an owner; expected user:NAME or team:NAME")
        return {"type": kind, "name": name}
    return element


def _json(text: str) -> Any:
    try:
        value, *more = values_of(text.encode())
    except ValueError:
        # Also if there is no value or more than one.
        return _NOT_JSON
    return _NOT_JSON if more else value


def _complaint(kind: Kind, problems: Iterable[object], dropped: Iterable[str]) -> str:
    unknown = (f"{path}: unknown field" for path in dropped)
    lines = [str(line).removeprefix(f"{kind}.") for line in (*problems, *unknown)]
    return "\n".join(f"--set {line}" for line in lines)
