"""Makes messages of the contract from the bodies of items.

Checks types on the way, since its texts name the field and the parser's do not. Drops fields that the catalog does not
keep, and names them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from dashboard_catalog.catalog.model.qualified_names import join
from dashboard_catalog.sources.items.fields import message_at, message_of
from dashboard_catalog.sources.items.found import Body
from dashboard_catalog.sources.items.openmetadata import adapt, name_in
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import Problem
from dashboardcatalog.v1 import bulk_pb2


@dataclass(slots=True)
class Conversion:
    """The message of a body.

    Attributes:
        item: The message; incomplete if there are problems.
        problems: Why the body cannot become a message.
        dropped: Paths of the fields that the catalog does not keep: `dashboard.lifeCycle`.
    """

    item: bulk_pb2.BulkUpsertItem = field(default_factory=bulk_pb2.BulkUpsertItem)
    problems: list[Problem] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def convert(kind: Kind, body: Body, preserved: Body | None = None) -> Conversion:
    """Returns the message of a body, with every problem and every field that was left out.

    Args:
        kind: Kind of the item.
        body: Its content.
        preserved: What an export has kept beside it.
    """
    adapted = adapt(kind, body)
    conversion = Conversion(problems=adapted.problems, dropped=adapted.dropped)
    content: dict[str, Any] = {kind: _kept_fields(message_of(kind), adapted.body, kind, conversion)}
    whole: dict[str, Any] = content if kind.is_asset else {"entity": content}
    if preserved is not None:
        descriptor = message_at(bulk_pb2.BulkUpsertItem.DESCRIPTOR, "preserved")
        whole["preserved"] = _kept_fields(descriptor, preserved, "preserved", conversion)
    if not conversion.problems:
        _parse(whole, conversion)
    return conversion


def full_name(body: Body) -> str:
    """Returns the fully qualified name of an asset, or the part of it that the body has."""
    service, name = name_in(body.get("service")), body.get("name")
    if not isinstance(name, str):
        return ""
    return f"{service}.{join(name)}" if isinstance(service, str) else name


def _kept_fields(descriptor: Descriptor, body: Body, path: str, conversion: Conversion) -> dict[str, Any]:
    """Returns the fields of a body that the message has."""
    kept: dict[str, Any] = {}
    known = _fields(descriptor)
    for key, value in body.items():
        if key not in known:
            conversion.dropped.append(_INDEX.sub("", f"{path}.{key}"))
        elif value is not None:
            kept[key] = _value(known[key], value, f"{path}.{known[key].name}", conversion)
    return kept


def _value(known: FieldDescriptor, value: object, path: str, conversion: Conversion) -> object:
    if not known.is_repeated:
        return _single(known, value, path, conversion)
    if isinstance(value, list):
        return [_single(known, element, f"{path}[{at}]", conversion) for at, element in enumerate(value)]
    conversion.problems.append(Problem(path, f"is {_json_type(value)}, not a list"))
    return None


def _single(known: FieldDescriptor, value: object, path: str, conversion: Conversion) -> object:
    message = known.message_type
    if message is not None and not message.full_name.startswith("google.protobuf."):
        if isinstance(value, dict):
            return _kept_fields(message, value, path, conversion)
        conversion.problems.append(Problem(path, f"is {_json_type(value)}, not an object"))
    elif known.type == FieldDescriptor.TYPE_STRING:
        value = name_in(value)
        if isinstance(value, Mapping):
            conversion.problems.append(Problem(path, "is an object without name or fullyQualifiedName"))
        elif not isinstance(value, str):
            conversion.problems.append(Problem(path, f"is {_json_type(value)}, not a string"))
    elif message is not None and message.full_name == "google.protobuf.Struct" and not isinstance(value, dict):
        conversion.problems.append(Problem(path, f"is {_json_type(value)}, not an object"))
    elif known.type == FieldDescriptor.TYPE_BOOL and not isinstance(value, bool):
        conversion.problems.append(Problem(path, f"is {_json_type(value)}, not a boolean"))
    return value


def _parse(whole: dict[str, Any], conversion: Conversion) -> None:
    try:
        json_format.ParseDict(whole, conversion.item)
    except (json_format.ParseError, ValueError, OverflowError, RecursionError) as error:
        # The parser's further lines list the fields of the message.
        first = (str(error).splitlines() or ["cannot be read"])[0]
        conversion.problems.append(Problem("", first.replace("BulkUpsertItem.", "").rstrip(".")))


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), "an object")


@cache
def _fields(descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
    return {key: known for known in descriptor.fields for key in (known.name, known.json_name)}


_INDEX = re.compile(r"\[\d+\]")
_JSON_TYPES: Mapping[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
}
