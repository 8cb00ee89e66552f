"""What one upsert changes of an entity, and everything that is wrong with it. Changes nothing itself."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.known.unusable import why_unusable
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.addresses import without_user
from dashboard_catalog.catalog.model.kinds import MAX_LEVELS, EntityKind
from dashboard_catalog.catalog.properties.custom_properties import check_definition
from dashboard_catalog.catalog.writing.hierarchy import Hierarchy
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation
from dashboard_catalog.store.records import EntityRecord

_COLUMNS = ("display_name", "description")


def sent_parents(field: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns (field path, fully qualified name) of the parents that a field names."""
    sent = values.get(field)
    if isinstance(sent, str):
        return [(field, sent)]
    return [(f"{field}[{index}]", fqn) for index, fqn in enumerate(sent or ())]


class EntityMerge:
    """Merges the fields that an upsert writes with what is stored. Problems are in `violations` afterwards.

    Args:
        stored: The entity as it is, or None for a new one.
        hierarchy: Knows everything that decides whether the entity may get the parents that are sent.
        preserves: Whether an import writes it. Then its parents may be deleted.
    """

    def __init__(
        self,
        kind: EntityKind,
        stored: EntityRecord | None,
        known_entities: KnownEntities,
        hierarchy: Hierarchy,
        *,
        preserves: bool = False,
    ) -> None:
        self._preserves = preserves
        self._kind = kind
        self._stored = stored
        self._known = known_entities
        self._hierarchy = hierarchy
        self.violations: list[Violation] = []

    def changes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the new values of the columns that change."""
        self._check_names(values)
        attributes = dict(self._stored.attributes if self._stored else self._kind.attributes)
        attributes |= {field: values[field] for field in self._kind.attributes if field in values}
        if attributes.get("source_url"):
            attributes["source_url"] = without_user(attributes["source_url"])
        if self._kind.name == "custom_property" and attributes["property_type"]:
            self.violations += check_definition(attributes["property_type"], attributes["config"])
        wanted: dict[str, Any] = {field: values[field] for field in _COLUMNS if field in values}
        wanted |= {"attributes": attributes, "parents": self._parents(values)}
        if self._stored is None:
            return wanted
        return {field: value for field, value in wanted.items() if getattr(self._stored, field) != value}

    def _refuse(self, path: str, reason: ViolationReason, text: str) -> None:
        self.violations.append(Violation(path, reason, text))

    def _check_names(self, values: Mapping[str, Any]) -> None:
        """Refuses an entity without its required fields, and other values of fields that never change."""
        for field in self._kind.required:
            if not values.get(field) and (self._stored is None or field in values):
                self._refuse(field, ViolationReason.REQUIRED, "is required")
        held = self._stored.attributes if self._stored else {}
        for field in self._kind.fixed:
            if field in held and values.get(field, held[field]) != held[field]:
                self._refuse(field, ViolationReason.IMMUTABLE, f"cannot be changed; it is {held[field]}")

    def _parents(self, values: Mapping[str, Any]) -> list[UUID]:
        """Returns the ids of the parents in the order of the kind's fields; for fields that are not sent, as stored."""
        parents: list[UUID] = []
        for place, field in enumerate(self._kind.parents):
            parents += self._sent(field, values, parents) if field in values else self._held(place)
        return list(dict.fromkeys(parents))

    def _held(self, place: int) -> list[UUID]:
        held = self._stored.parents if self._stored else []
        return held if len(self._kind.parents) == 1 else held[place : place + 1]

    def _sent(self, field: str, values: Mapping[str, Any], before: list[UUID]) -> Iterable[UUID]:
        for path, sent in sent_parents(field, values):
            parent = self._parent(self._kind.parents[field], names.requoted(sent), path)
            if parent is not None:
                self._check_place(parent, before, path)
                yield parent.id

    def _parent(self, kind: str, fqn: str, path: str) -> EntityRecord | None:
        record = self._known.find(kind, fqn)
        held = self._preserves or (
            record is not None and self._stored is not None and record.id in self._stored.parents
        )
        renamed = self._known.renamed(kind, fqn)
        moved_to = renamed.fqn if renamed else None
        failed = self._known.has_failed(kind, fqn)
        if problem := why_unusable(path, kind, fqn, record, failed=failed, held=held, moved_to=moved_to):
            self.violations.append(problem)
            return None
        return record

    def _check_place(self, parent: EntityRecord, before: list[UUID], path: str) -> None:
        """Refuses a parent that lies below the entity or too deep, and a tag below a tag of another classification."""
        if self._stored is not None and self._hierarchy.lies_below(parent.id, self._stored.id):
            text = f"{self._kind.name} {parent.fqn} lies below {self._stored.fqn}"
            self._refuse(path, ViolationReason.CIRCULAR_PARENT, text)
        elif self._is_new(parent) and self._hierarchy.levels(parent, self._stored) > MAX_LEVELS:
            text = f"below {parent.fqn} there would be more than {MAX_LEVELS} levels of {self._kind.name}s"
            self._refuse(path, ViolationReason.TOO_DEEP, text)
        if self._kind.name == parent.kind == "tag" and before and parent.parents[0] != before[0]:
            self._refuse(path, ViolationReason.CONFLICTING_PARTS, f"tag {parent.fqn} is of another classification")

    def _is_new(self, parent: EntityRecord) -> bool:
        """Says whether a parent would put the entity on another level than before."""
        return parent.kind == self._kind.name and (self._stored is None or parent.id not in self._stored.parents)
