"""The types of OpenMetadata, and custom properties as it writes them.

The catalog has two types with custom properties, dashboards and charts, and the types of these properties. OpenMetadata
refers to types by id, so each has one that follows from its name and is the same in every catalog.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

from dashboard_catalog.catalog.model.kinds import ASSET_KINDS
from dashboard_catalog.catalog.properties.types import FORMATS_OF, KIND_ALIASES, PROPERTY_TYPES
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid

_IDS = UUID("0f5c2a3e-6a0e-4d0f-9a55-1f2f5c3c7a10")
_ALIASES: Mapping[str, str] = {kind: alias for alias, kind in KIND_ALIASES.items()}


@dataclass(frozen=True, slots=True)
class MetadataType:
    """A type.

    Attributes:
        name: Its name, which is its fully qualified name too.
        category: `entity` for a kind of asset, `field` for a type of custom properties.
    """

    name: str
    category: str

    @property
    def id(self) -> str:
        """Its id."""
        return str(uuid5(_IDS, self.name))

    def answer(self) -> dict[str, Any]:
        """Returns what is answered of it, without its custom properties."""
        is_entity = self.category == "entity"
        return {
            "id": self.id,
            "name": self.name,
            "fullyQualifiedName": self.name,
            "displayName": self.name,
            "description": f"{self.name}: a kind of asset"
            if is_entity
            else f"{self.name}: a type of custom properties",
            "category": self.category,
            "nameSpace": "data" if is_entity else "basic",
        }


TYPES: Mapping[str, MetadataType] = MappingProxyType(
    {name: MetadataType(name, "entity") for name in sorted(ASSET_KINDS)}
    | {name: MetadataType(name, "field") for name in PROPERTY_TYPES}
)
"""By name."""

TYPES_BY_ID: Mapping[str, MetadataType] = MappingProxyType({type_.id: type_ for type_ in TYPES.values()})


def property_answer(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is answered of a custom property.

    Args:
        sent: It in the JSON form of the contract.
    """
    type_ = TYPES[sent["propertyType"]]
    answer = {"name": sent["name"], "description": sent.get("description", "")}
    if "displayName" in sent:
        answer["displayName"] = sent["displayName"]
    answer["propertyType"] = {"id": type_.id, "type": "type", "name": type_.name, "fullyQualifiedName": type_.name}
    if config := sent.get("config"):
        answer["customPropertyConfig"] = {"config": _their_config(config)}
    return answer


def property_body(applies_to: MetadataType, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a custom property as the contract has it.

    Args:
        applies_to: The type that has the property.
        sent: It as OpenMetadata has it.

    Raises:
        CatalogError: INVALID_ARGUMENT if the type of the property is not one of a custom property.
    """
    body = {key: value for key, value in sent.items() if key not in ("propertyType", "customPropertyConfig")}
    body |= {"appliesTo": applies_to.name, "propertyType": (type_ := _type_in(sent.get("propertyType")))}
    config = sent.get("customPropertyConfig")
    if isinstance(config, Mapping) and (inner := config.get("config")) is not None:
        body["config"] = _our_config(type_, inner)
    return body


def _type_in(reference: Any) -> str:
    """Returns the name of the type that a reference means: by id, or by name."""
    sent = reference if isinstance(reference, Mapping) else {"name": reference}
    by_id = TYPES_BY_ID.get(str(sent.get("id")).lower())
    found = by_id or TYPES.get(str(sent.get("name") or sent.get("fullyQualifiedName")))
    if found is None or found.category != "field":
        text = f"must refer to one of the types {', '.join(PROPERTY_TYPES)}, by the id that metadata/types answers"
        raise invalid([Violation("propertyType", ViolationReason.UNKNOWN_REFERENCE, text)])
    return found.name


def _their_config(config: Mapping[str, Any]) -> Any:
    if "format" in config:
        return config["format"]
    if "entityTypes" in config:
        return [_ALIASES.get(kind, kind) for kind in config["entityTypes"]]
    return dict(config)


def _our_config(type_: str, config: Any) -> Any:
    """Returns a configuration in the form of the contract, which has a name for each of its values."""
    if type_ in FORMATS_OF:
        return config if isinstance(config, dict) else {"format": config}
    if isinstance(config, list):
        return {"entityTypes": config}
    if isinstance(config, dict):
        # What a table may have is fixed, but clients send it.
        fixed = ("minColumns", "maxColumns")
        return {key: value for key, value in config.items() if value is not None and key not in fixed}
    return config
