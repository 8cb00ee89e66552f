"""Prints messages for programs: protobuf JSON, one object per line."""

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from dashboard_catalog.cli import output

# Objects with any keys: the messages do not keep their order.
_FREE_FORM = frozenset(("google.protobuf.Struct", "google.protobuf.Value"))


def json_line(message: Message) -> str:
    """Returns a message as one line of JSON, always the same for equal messages."""
    shown = json_format.MessageToDict(message)
    _sort_free_form(message, shown)
    return json.dumps(shown, ensure_ascii=False)


def print_message(message: Message) -> None:
    """Prints a message as one line of JSON."""
    output.write_line(json_line(message))


def _sort_free_form(message: Message, shown: dict[str, Any]) -> None:
    """Sorts the keys of free-form objects in the JSON of a message; its fields keep the order of the contract."""
    for field, value in message.ListFields():
        name = field.json_name
        if field.message_type is None:
            continue
        if field.message_type.full_name in _FREE_FORM:
            shown[name] = _with_sorted_keys(shown[name])
        elif isinstance(shown[name], dict):
            _sort_free_form(value, shown[name])
        elif field.is_repeated:
            for one, its in zip(value, shown[name], strict=True):
                _sort_free_form(one, its)


def _with_sorted_keys(value: Any) -> Any:
    match value:
        case dict():
            return {key: _with_sorted_keys(value[key]) for key in sorted(value)}
        case list():
            return [_with_sorted_keys(one) for one in value]
        case _:
            return value
