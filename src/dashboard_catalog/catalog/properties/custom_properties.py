"""The rules of custom properties: what a definition may say, and which values fit it.

Definitions are compiled to JSON Schema once; what holds for every extension is in `extension_rules`. It must
not know how definitions are stored, nor look up what values refer to: `references` names it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dashboard_catalog.catalog.properties.date_patterns import PATTERNS
from dashboard_catalog.catalog.properties.extension_rules import check_json
from dashboard_catalog.catalog.properties.schema_check import SchemaCheck, shown
from dashboard_catalog.catalog.properties.types import FORMATS_OF, PROPERTY_TYPES, config_schema, kinds_of
from dashboard_catalog.catalog.properties.values import value_schema
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation

_CONFIG_REASONS = {
    "required": ViolationReason.REQUIRED,
    "additionalProperties": ViolationReason.UNKNOWN_FIELD,
    "maxItems": ViolationReason.TOO_MANY,
}
_FORMATS = {name: pattern.accepts for name, pattern in PATTERNS.items()}


@dataclass(frozen=True, slots=True)
class PropertyReference:
    """What the value of a reference property says must exist.

    Attributes:
        kinds: Where to look: the kind that the value names, else all that the definition allows.
        id: UUID as sent.
        name: Raw name as sent.
        fully_qualified_name: As sent, not parsed.
        field: Path of the reference, `extension.KEY` or `extension.KEY[1]`.
    """

    kinds: tuple[str, ...]
    id: str | None
    name: str | None
    fully_qualified_name: str | None
    field: str


class CompiledProperty:
    """A custom property ready to check values. Made by `compile_property`."""

    __slots__ = ("_check", "_kinds", "_stored")

    def __init__(self, property_type: str, config: Mapping[str, Any]) -> None:
        self._check = SchemaCheck(value_schema(property_type, config), _FORMATS)
        self._stored = _stored_form(property_type, config)
        self._kinds = kinds_of(config.get("entityTypes", ()))

    def check(self, key: str, value: Any) -> tuple[Any, list[Violation]]:
        """Returns `value` as it is stored, and what is wrong with it.

        Dates are rewritten in their pattern, and enum values are sorted without duplicates. Everything else, also an
        invalid value, stays as sent.

        Args:
            key: Name of the property, for the field paths below `extension`.
            value: From `google.protobuf.Struct`, whole numbers as `int`; not null, which clears a key.
        """
        if self._check.accepts(value):
            return (value if self._stored is None else self._stored(value)), []
        return value, [
            Violation(f"extension.{key}{fault.path}", ViolationReason.INVALID_PROPERTY, fault.description)
            for fault in self._check.faults(value)
        ]

    def references(self, key: str, value: Any) -> list[PropertyReference]:
        """Returns what a checked `value` of the property `key` refers to, nothing for most types."""
        if not self._kinds:
            return []
        if isinstance(value, list):
            return [self._reference(f"extension.{key}[{index}]", item) for index, item in enumerate(value)]
        return [self._reference(f"extension.{key}", value)]

    def _reference(self, field: str, value: Mapping[str, Any]) -> PropertyReference:
        kinds = kinds_of([value["type"]]) if "type" in value else self._kinds
        return PropertyReference(kinds, value.get("id"), value.get("name"), value.get("fullyQualifiedName"), field)


def check_definition(property_type: str, config: Mapping[str, Any] | None) -> list[Violation]:
    """Returns what is wrong with the type and the config of a custom property.

    Args:
        property_type: One of the 17 names, spelled as OpenMetadata spells them.
        config: From `google.protobuf.Struct`; an empty one counts as absent.
    """
    if property_type not in PROPERTY_TYPES:
        reason = ViolationReason.INVALID_VALUE if property_type else ViolationReason.REQUIRED
        text = f"{shown(property_type)} is not a property type; expected one of {', '.join(PROPERTY_TYPES)}"
        return [Violation("property_type", reason, text)]
    given = dict(config or {})
    faults = SchemaCheck(config_schema(property_type), {}).faults(given)
    return check_json(given, "config") + [
        Violation(
            f"config{fault.path}",
            _CONFIG_REASONS.get(fault.keyword, ViolationReason.INVALID_VALUE),
            fault.description,
        )
        for fault in faults
    ]


def compile_property(property_type: str, config: Mapping[str, Any] | None) -> CompiledProperty:
    """Returns the compiled property, the same one for the same type and config.

    Args:
        property_type: As in a definition without violations, and so is `config`.
        config: As in `check_definition`.
    """
    return _compiled(property_type, json.dumps(dict(config or {}), sort_keys=True))


# Compiling costs as much as hundreds of checks. The bound keeps retired definitions from piling up.
@lru_cache(maxsize=1024)
def _compiled(property_type: str, config: str) -> CompiledProperty:
    return CompiledProperty(property_type, json.loads(config))


def _stored_form(property_type: str, config: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    if property_type == "enum":
        return lambda values: sorted(set(values))
    if property_type in FORMATS_OF and PATTERNS[config["format"]].rewrites:
        return PATTERNS[config["format"]].canonical
    return None
