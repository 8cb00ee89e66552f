"""The kinds of things in the catalog, and how they differ.

A kind of asset has a table, and says which of its fields people steward. A kind of entity says where its fields are
kept: in columns, as references to other entities, or as plain attributes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.stewardship import STEWARDED_FIELDS
from dashboard_catalog.store.assets import CHARTS, DASHBOARDS, AssetTable

MAX_LEVELS = 32
"""How deep domains, teams and tags may lie below each other. The top is level 1."""


# Columns that no spec has, and those that the spec has but no version.
_NO_FIELDS = frozenset(
    {
        *("service_id", "name", "id", "version", "tag_labels", "source_hash"),
        *("deleted", "deleted_with", "deleted_by_edit", "edited", "change", "digest", "ingested"),
        *("change_number", "updated_at", "updated_by", "by_ingestion", "call_id", "session_id"),
    }
)
_UNORDERED = frozenset({"owners"})


@dataclass(frozen=True, slots=True, eq=False)
class AssetKind:
    """A kind of asset.

    Attributes:
        name: Its name in field paths, references and policies.
        table: Its rows.
        holds_charts: Whether it has charts that are deleted and restored with it.
        stewarded: Fields that people steward; see `stewardship`.
        defaults: What readers see of a field that has no stored value. Writing that value is no change.
    """

    name: str
    table: AssetTable[Any]
    holds_charts: bool
    stewarded: tuple[str, ...] = STEWARDED_FIELDS
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> frozenset[str]:
        """The fields of its spec that a version has: all except name, service and source_hash."""
        return frozenset(self.table.columns) - _NO_FIELDS

    def same(self, field: str, one: Any, other: Any) -> bool:
        """Says whether two values of a field, neither tags nor extension, look the same to readers."""
        if one is None or other is None:
            default = self.defaults.get(field)
            return bool((default if one is None else one) == (default if other is None else other))
        if one == other:
            return True
        return field in _UNORDERED and set(one) == set(other)


DASHBOARD_KIND = AssetKind("dashboard", DASHBOARDS, holds_charts=True, defaults={"dashboard_type": "Dashboard"})
CHART_KIND = AssetKind("chart", CHARTS, holds_charts=False)
ASSET_KINDS: Mapping[str, AssetKind] = {kind.name: kind for kind in (CHART_KIND, DASHBOARD_KIND)}
"""In the order in which a batch applies them: what is held comes before what holds it."""


@dataclass(frozen=True, slots=True, eq=False)
class EntityKind:
    """A kind of entity.

    Attributes:
        name: Its name in the contract, in field paths and in policies.
        attributes: Its plain fields, each with the value of a new entity.
        parents: Its fields that refer to other entities, each with their kind, in the order they are stored.
        required: Fields that a new entity must have.
        fixed: Fields that never change.
        qualifier: The field whose value stands before the name in the fully qualified name, if any.
    """

    name: str
    attributes: Mapping[str, Any]
    parents: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    qualifier: str | None = None

    @property
    def naming_fields(self) -> set[str]:
        """The fields whose values are fully qualified names."""
        return {*self.parents, self.qualifier} if self.qualifier else {*self.parents}

    def fqn(self, name: str, values: Mapping[str, Any]) -> str:
        """Returns the fully qualified name of an entity of this kind.

        Raises:
            NameSyntaxError: If the name that qualifies it does not parse.
        """
        above = values.get(self.qualifier) if self.qualifier else None
        return names.join(*names.split(above), name) if above else names.quote(name)


ENTITY_KINDS: Mapping[str, EntityKind] = {
    kind.name: kind
    for kind in (
        EntityKind("bi_service", {"service_type": None, "source_url": None}, required=("service_type",)),
        EntityKind("user", {"email": None, "is_bot": False}),
        EntityKind("team", {"team_type": "Group"}, parents={"parents": "team"}),
        EntityKind("domain", {}, parents={"parent": "domain"}, fixed=("parent",), qualifier="parent"),
        EntityKind("classification", {"mutually_exclusive": False}),
        EntityKind(
            "tag",
            {"disabled": False},
            parents={"classification": "classification", "parent": "tag"},
            required=("classification",),
            fixed=("classification",),
            qualifier="classification",
        ),
        EntityKind(
            "custom_property",
            {"applies_to": None, "property_type": None, "config": None},
            required=("applies_to", "property_type"),
            fixed=("applies_to", "property_type"),
            qualifier="applies_to",
        ),
    )
}
"""In the order in which a batch applies them: what is referred to comes before what refers to it."""

Kind: TypeAlias = AssetKind | EntityKind

KINDS: Mapping[str, Kind] = {**ENTITY_KINDS, **ASSET_KINDS}
"""All of them, in the same order."""


def label_of(kind: str) -> str:
    """Returns the name of a kind as people write it: `BI service` for `bi_service`."""
    return "BI service" if kind == "bi_service" else kind.replace("_", " ")
