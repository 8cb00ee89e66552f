"""The JSON Schemas of the values of custom properties, built from their definitions.

Descriptions complete the sentence "expected ..." (`schema_check`). It must not know assets or the store.

Source: OpenMetadata's `type/basic.json`, `type/customProperties/complexTypes.json` and
`CustomPropertyValidator`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dashboard_catalog.catalog.properties.date_patterns import PATTERNS
from dashboard_catalog.catalog.properties.schema_check import Schema, listed, shown
from dashboard_catalog.catalog.properties.types import KIND_ALIASES, kinds_of

MAX_INTEGER = 2**53 - 1
"""The largest whole number. 2^53 itself is excluded: 2^53 + 1 arrives as the same double (RFC 7493)."""

_EPOCH_MILLIS = "whole milliseconds since 1970-01-01T00:00:00Z"
_COMPONENT = r"[0-9]+(?:[.,][0-9]+)?"
# A fraction only in the last component, at least one component, and one after a T.
_DURATION = (
    r"^P(?!$)(?!.*[.,][0-9]+[A-Z].)"
    rf"(?:{_COMPONENT}Y)?(?:{_COMPONENT}M)?(?:{_COMPONENT}W)?(?:{_COMPONENT}D)?"
    rf"(?:T(?=[0-9])(?:{_COMPONENT}H)?(?:{_COMPONENT}M)?(?:{_COMPONENT}S)?)?$"
)
# Looser than RFC 3986, since links to BI tools carry brackets and braces in their queries.
_HTTP_URL = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\p{Cc}<>\x22\\/?#:][^\s\p{Cc}<>\x22\\]*$"

_STRING: Schema = {"type": "string", "description": "a string"}
_NAME: Schema = {"type": "string", "minLength": 1, "description": "a string that is not empty"}
_BOOLEAN: Schema = {"type": "boolean", "description": "true or false"}
_WHOLE: Schema = {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER}
_MILLIS: Schema = {**_WHOLE, "description": _EPOCH_MILLIS}


def _object(description: str, required: list[str], properties: Mapping[str, Schema], **more: Any) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
        "description": description,
        **more,
    }


_PLAIN: Mapping[str, Schema] = MappingProxyType(
    {
        "string": _STRING,
        "markdown": {"type": "string", "description": "a string in Markdown"},
        "sqlQuery": {"type": "string", "description": "a string that holds an SQL query"},
        "integer": {**_WHOLE, "description": "a whole number of at most 2^53 - 1; a larger one is exact as a string"},
        "number": {"type": "number", "description": "a number"},
        "email": {
            "type": "string",
            "minLength": 6,
            "maxLength": 127,
            "format": "idn-email",
            "pattern": r"^\S+$",
            "description": "an e-mail address of 6 to 127 characters, for example jane.doe@example.com",
        },
        "duration": {
            "type": "string",
            "pattern": _DURATION,
            "description": "an ISO 8601 duration, for example P23DT23H",
        },
        "timestamp": {**_MILLIS, "minimum": 0, "description": f"{_EPOCH_MILLIS}, zero or more"},
        "timeInterval": _object(
            f'an object {{"start": ..., "end": ...}} of {_EPOCH_MILLIS}, start not after end',
            ["start", "end"],
            {"start": _MILLIS, "end": _MILLIS},
            startNotAfterEnd=True,
        ),
        "hyperlink-cp": _object(
            'an object {"url": "https://...", "displayText": "..."}, displayText optional',
            ["url"],
            {
                "url": {
                    "type": "string",
                    "pattern": _HTTP_URL,
                    "description": "an http or https URL, for example https://example.com/runbook",
                },
                "displayText": _STRING,
            },
        ),
    }
)
_MOMENTS: Mapping[str, str] = MappingProxyType(
    {"date-cp": "an existing date", "dateTime-cp": "an existing date and time", "time-cp": "a time of day"}
)


def value_schema(property_type: str, config: Mapping[str, Any]) -> Schema:
    """Returns the schema of the values of a property, for a config that fits its own schema."""
    match property_type:
        case "date-cp" | "dateTime-cp" | "time-cp":
            return _written(_MOMENTS[property_type], config["format"])
        case "enum":
            return _enum(config["values"], many=config.get("multiSelect", False))
        case "entityReference":
            return _reference(config["entityTypes"])
        case "entityReferenceList":
            item = _reference(config["entityTypes"])
            return {
                "type": "array",
                "items": item,
                "description": f"an array, each item {item['description']}",
            }
        case "table-cp":
            return _table(config["columns"])
    return _PLAIN[property_type]


def _written(what: str, pattern: str) -> Schema:
    description = f"{what}, written as {pattern}, for example {PATTERNS[pattern].example}"
    return {"type": "string", "format": pattern, "description": description}


def _enum(values: list[str], *, many: bool) -> Schema:
    one = f"one of {listed(values)}"
    count = "of any of" if many else "of at most one of"
    schema: Schema = {
        "type": "array",
        "items": {"enum": values, "description": one},
        "description": f"an array {count} {listed(values)}; a single value goes in an array too",
    }
    return schema if many else {**schema, "maxItems": 1}


def _reference(entity_types: list[str]) -> Schema:
    kinds = kinds_of(entity_types)
    spellings = [*kinds, *(alias for alias, kind in KIND_ALIASES.items() if kind in kinds)]
    needs_type = len(kinds) > 1
    named = [["type", name] if needs_type else [name] for name in ("name", "fullyQualifiedName")]
    typed = "type and " if needs_type else ""
    return _object(
        f"an object with id, or with {typed}name or fullyQualifiedName, which refers to {listed(kinds)}",
        [],
        {
            "id": {"type": "string", "format": "uuid", "description": "a UUID"},
            "type": {"enum": spellings, "description": f"one of {listed(spellings)}"},
            "name": _NAME,
            "fullyQualifiedName": _NAME,
            "displayName": _STRING,
            "description": _STRING,
            "href": _STRING,
            "deleted": _BOOLEAN,
            "inherited": _BOOLEAN,
        },
        anyOf=[{"required": names} for names in (["id"], *named)],
    )


def _table(columns: list[str]) -> Schema:
    names = listed(columns)
    row = _object(f"strings in the columns {names}", [], dict.fromkeys(columns, _STRING))
    sent_columns = {
        "type": "array",
        "items": {"enum": columns, "description": f"one of the columns {names}"},
        "uniqueItems": True,
        "description": f"an array of different columns out of {names}",
    }
    return _object(
        f'an object {{"rows": [{{{shown(columns[0])}: "..."}}]}} with the columns {names}',
        ["rows"],
        {
            "columns": sent_columns,
            "rows": {"type": "array", "items": row, "description": "an array of rows"},
        },
    )
