"""The 17 types of custom properties, and the JSON Schemas of their configurations.

Each description completes the sentence "expected ..." (see `schema_check`). The schemas of values are in `values`.

Source: OpenMetadata's `type/basic.json`, `type/customProperties/*.json` and `TypeRepository`.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from dashboard_catalog.catalog.properties.date_patterns import DATE_FORMATS, DATE_TIME_FORMATS, TIME_FORMATS
from dashboard_catalog.catalog.properties.schema_check import Schema, listed

PROPERTY_TYPES = (
    "string",
    "integer",
    "number",
    "markdown",
    "email",
    "sqlQuery",
    "duration",
    "timestamp",
    "timeInterval",
    "date-cp",
    "dateTime-cp",
    "time-cp",
    "enum",
    "entityReference",
    "entityReferenceList",
    "table-cp",
    "hyperlink-cp",
)
FORMATS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"date-cp": DATE_FORMATS, "dateTime-cp": DATE_TIME_FORMATS, "time-cp": TIME_FORMATS}
)

# The kinds that references may point to. OpenMetadata says dashboardService for a BI service.
REFERENCE_KINDS = ("dashboard", "chart", "bi_service", "user", "team", "domain", "classification", "tag")
KIND_ALIASES: Mapping[str, str] = MappingProxyType({"dashboardService": "bi_service"})


def kinds_of(entity_types: Iterable[str]) -> tuple[str, ...]:
    """Returns the kinds that `entity_types` name, each once and by its name in the catalog."""
    return tuple(dict.fromkeys(KIND_ALIASES.get(name, name) for name in entity_types))


def config_schema(property_type: str) -> Schema:
    """Returns the schema of the `config` of a definition. An absent config counts as `{}`."""
    match property_type:
        case "date-cp" | "dateTime-cp" | "time-cp":
            formats = FORMATS_OF[property_type]
            one = f"one of the Java date patterns {listed(formats)}"
            return _config("format", {"enum": list(formats), "description": one})
        case "enum":
            values = _strings("an array of different strings, at least one", "a string that is not empty")
            choice = {"type": "boolean", "description": "true or false, false where absent"}
            return _config("values", values, multiSelect=choice)
        case "entityReference" | "entityReferenceList":
            return _config("entityTypes", _entity_types())
        case "table-cp":
            columns = _strings("an array of 1 to 3 different column names", "a string that is not empty")
            return _config("columns", {**columns, "maxItems": 3})
    return {"type": "object", "maxProperties": 0, "description": f"no config, since {property_type} has none"}


def _config(required: str, schema: Schema, **optional: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {required: schema, **optional},
        "required": [required],
        "additionalProperties": False,
        "description": f"only {listed([required, *optional])}",
    }


def _strings(description: str, item_description: str) -> Schema:
    return {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "description": item_description},
        "minItems": 1,
        "uniqueItems": True,
        "description": description,
    }


def _entity_types() -> Schema:
    names = [*REFERENCE_KINDS, *KIND_ALIASES]
    one = f"one of {listed(names)}"
    return {
        "type": "array",
        "items": {"enum": names, "description": one},
        "minItems": 1,
        "uniqueItems": True,
        "description": f"an array of different kinds, at least one, each {one}",
    }
