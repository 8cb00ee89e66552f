"""Makes messages of bodies as people and OpenMetadata write them.

OpenMetadata's lists of domains and its references become what the contract has in their place; what the
catalog does not keep is left out and told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from dashboard_catalog.catalog.model.names import join
from dashboard_catalog.sources.items import Body
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import Problem
from dashboardcatalog.v1 import bulk_pb2

# The contract ignores these of entities; OpenMetadata writes some of them in another form.
_ANSWERED_ONLY = frozenset(
    (
        "id",
        "fullyQualifiedName",
        "fully_qualified_name",
        "deleted",
        "updatedAt",
        "updated_at",
        "updatedBy",
        "updated_by",
    )
)


@dataclass(slots=True)
class Made:
    """A message of a body.

    Attributes:
        item: The message; not to be sent if there are problems.
        problems: Why the body makes no message.
        dropped: Paths of what it holds and the catalog does not keep: `dashboard.lifeCycle`.
    """

    item: bulk_pb2.BulkUpsertItem = field(default_factory=bulk_pb2.BulkUpsertItem)
    problems: list[Problem] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def make_item(kind: Kind, body: Body) -> Made:
    """Returns the message of a body, with all that is wrong with it and all that was left out."""
    made = Made()
    descriptor = bulk_pb2.BulkUpsertItem.DESCRIPTOR
    if kind.is_asset:
        adapted = _of_openmetadata(kind, body, made)
        whole: dict[str, Any] = {kind: _kept(_type_of(descriptor, kind), adapted, kind, made)}
    else:
        adapted = {key: value for key, value in body.items() if key not in _ANSWERED_ONLY}
        entity = _type_of(_type_of(descriptor, "entity"), kind)
        whole = {"entity": {kind: _kept(entity, adapted, kind, made)}}
    if not made.problems:
        _parse(whole, made)
    return made


def full_name(body: Body) -> str:
    """Returns the fully qualified name that an asset's body tells, as far as it does."""
    service, name = body.get("service"), body.get("name")
    if isinstance(service, Mapping):
        service = service.get("fullyQualifiedName")
    if not isinstance(name, str):
        return ""
    return f"{service}.{join(name)}" if isinstance(service, str) else name


def _of_openmetadata(kind: Kind, body: Body, made: Made) -> dict[str, Any]:
    """Returns the body with the one domain that the catalog keeps, and without labels of glossaries."""
    adapted = dict(body)
    if (domains := adapted.pop("domains", None)) is not None:
        named = [_reference(one) for one in domains] if isinstance(domains, list) else [domains]
        if "domain" in adapted:
            named.append(_reference(adapted["domain"]))
        if len(distinct := list(dict.fromkeys(map(str, named)))) > 1:
            text = f"names {len(distinct)} domains ({', '.join(distinct[:3])}); the catalog keeps one"
            made.problems.append(Problem(f"{kind}.domains", text))
        elif named:
            adapted["domain"] = named[0]
    if isinstance(tags := adapted.get("tags"), list):
        adapted["tags"] = [label for label in tags if not _is_of_glossary(label)]
        made.dropped += [f"{kind}.tags (of a glossary)"] * (len(tags) - len(adapted["tags"]))
    return adapted


def _is_of_glossary(label: object) -> bool:
    return isinstance(label, Mapping) and label.get("source") == "Glossary"


def _kept(descriptor: Descriptor, body: Body, path: str, made: Made) -> dict[str, Any]:
    """Returns what a message has of a body; looks at types on the way, for better words than the parser's."""
    kept: dict[str, Any] = {}
    known = _fields(descriptor)
    for key, value in body.items():
        if key not in known:
            made.dropped.append(_INDEX.sub("", f"{path}.{key}"))
        elif value is not None:
            kept[key] = _value(known[key], value, f"{path}.{known[key].name}", made)
    return kept


def _value(known: FieldDescriptor, value: object, path: str, made: Made) -> object:
    if not known.is_repeated:
        return _single(known, value, path, made)
    if isinstance(value, list):
        return [_single(known, one, f"{path}[{at}]", made) for at, one in enumerate(value)]
    made.problems.append(Problem(path, f"is {_json_type(value)}, not a list"))
    return None


def _single(known: FieldDescriptor, value: object, path: str, made: Made) -> object:
    message = known.message_type
    if message is not None and not message.full_name.startswith("google.protobuf."):
        if isinstance(value, dict):
            return _kept(message, value, path, made)
        made.problems.append(Problem(path, f"is {_json_type(value)}, not an object"))
    elif known.type == FieldDescriptor.TYPE_STRING:
        value = _reference(value)
        if not isinstance(value, str):
            made.problems.append(Problem(path, f"is {_json_type(value)}, not a text"))
    elif known.type == FieldDescriptor.TYPE_BOOL and not isinstance(value, bool):
        made.problems.append(Problem(path, f"is {_json_type(value)}, not true or false"))
    return value


def _reference(value: object) -> object:
    """Returns the name of what OpenMetadata refers to by an object where the contract has a name."""
    if isinstance(value, Mapping) and isinstance(name := value.get("fullyQualifiedName"), str):
        return name
    return value


def _parse(whole: dict[str, Any], made: Made) -> None:
    try:
        json_format.ParseDict(whole, made.item)
    except (json_format.ParseError, ValueError, OverflowError, RecursionError) as error:
        # The parser adds lists of fields in further lines.
        first = (str(error).splitlines() or ["cannot be read"])[0]
        made.problems.append(Problem("", first.replace("BulkUpsertItem.", "").rstrip(".")))


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), "an object")


@cache
def _fields(descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
    return {key: known for known in descriptor.fields for key in (known.name, known.json_name)}


def _type_of(descriptor: Descriptor, name: str) -> Descriptor:
    message = descriptor.fields_by_name[name].message_type
    if message is None:
        raise TypeError(f"{name} is no message")
    return message


_INDEX = re.compile(r"\[\d+\]")
_JSON_TYPES: Mapping[type, str] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
}
