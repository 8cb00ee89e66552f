"""Formats dashboards, charts and entities for people: as one field per line, or as rows of a list."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from dashboard_catalog.sources.kinds import Kind

COLUMNS: Mapping[Kind, tuple[tuple[str, str], ...]] = {
    Kind.DASHBOARD: (
        ("dashboard", "fully_qualified_name"),
        ("display name", "display_name"),
        ("owners", "owners"),
        ("tags", "tags"),
        ("version", "version"),
    ),
    Kind.CHART: (
        ("chart", "fully_qualified_name"),
        ("display name", "display_name"),
        ("type", "chart_type"),
        ("tags", "tags"),
        ("version", "version"),
    ),
    Kind.BI_SERVICE: (
        ("BI service", "fully_qualified_name"),
        ("display name", "display_name"),
        ("type", "service_type"),
        ("URL", "source_url"),
    ),
    Kind.USER: (("user", "fully_qualified_name"), ("display name", "display_name"), ("email", "email")),
    Kind.TEAM: (
        ("team", "fully_qualified_name"),
        ("display name", "display_name"),
        ("type", "team_type"),
        ("parents", "parents"),
    ),
    Kind.DOMAIN: (("domain", "fully_qualified_name"), ("display name", "display_name")),
    Kind.CLASSIFICATION: (
        ("classification", "fully_qualified_name"),
        ("display name", "display_name"),
        ("mutually exclusive", "mutually_exclusive"),
    ),
    Kind.TAG: (("tag", "fully_qualified_name"), ("display name", "display_name"), ("disabled", "disabled")),
    Kind.CUSTOM_PROPERTY: (
        ("custom property", "fully_qualified_name"),
        ("display name", "display_name"),
        ("type", "property_type"),
    ),
}
"""Title and field of each column of a list."""

_MARKS = {"fieldsAdded": "+", "fieldsUpdated": "~", "fieldsDeleted": "-"}


def fields_of(message: Message) -> Iterator[tuple[str, str]]:
    """Yields label and text of each field that is set."""
    values = json_format.MessageToDict(message)
    for field in message.DESCRIPTOR.fields:
        if (value := values.get(field.json_name)) is not None:
            yield field.name.replace("_", " "), _text_of_field(field.name, value)


def row_of(kind: Kind, message: Message, *, between: str = ", ") -> list[str]:
    """Returns the texts of the columns, with `between` between the values of a field that has several."""
    values = json_format.MessageToDict(message)
    fields = message.DESCRIPTOR.fields_by_name
    return [_joined(values.get(fields[field].json_name, ""), between) for _, field in COLUMNS[kind]]


def _joined(value: Any, between: str) -> str:
    parts = value if isinstance(value, list) else [value]
    texts = (_name(part) if isinstance(part, dict) else _text(part) for part in parts)
    # A row is one line: a name with a line break must not make two of it.
    return between.join(" ".join(text.splitlines()) for text in texts)


def _text_of_field(name: str, value: Any) -> str:
    match name:
        case "change_description":
            return "\n".join(_changes(value))
        case "extension" | "config":
            return "\n".join(f"{key}: {_plain(value[key])}" for key in sorted(value))
        case "edited":
            return "\n".join(one for names in value.values() for one in names)
        case _:
            return "\n".join(map(_text, value)) if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, dict):
        return str(value)
    name, display_name = _name(value), value.get("displayName")
    shown = f"{name} ({display_name})" if display_name and display_name != name else name
    if value.get("state") == "Suggested":
        shown += ", suggested"
    return f"{shown}, deleted" if value.get("deleted") else shown


def _name(value: dict[str, Any]) -> str:
    """Returns the name in a reference or in a tag label."""
    if value.get("type") in {"user", "team"}:
        # The form that `list --owner` takes.
        return f"{value['type']}:{value.get('name', value.get('fullyQualifiedName', ''))}"
    return str(value.get("tagFQN") or value.get("fullyQualifiedName") or value.get("name", ""))


def _changes(value: dict[str, Any]) -> Iterator[str]:
    for key, mark in _MARKS.items():
        for change in value.get(key, ()):
            yield f"{mark} {change['name']}"
    yield f"since version {value.get('previousVersion', 0)}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
