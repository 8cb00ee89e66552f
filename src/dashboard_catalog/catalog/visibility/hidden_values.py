"""The values of custom properties that refer to what a caller may not view."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.known.property_targets import Pointer, PropertyTargets, pointers_in
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.properties.custom_properties import PropertyReference, compile_property
from dashboard_catalog.catalog.properties.types import KIND_ALIASES, REFERENCE_KINDS
from dashboard_catalog.catalog.visibility.sight import KINDS_OF_SERVICES, Sight
from dashboard_catalog.store.connections import ReadConnection

_TYPE_OF = {kind: alias for alias, kind in KIND_ALIASES.items()}


class HiddenValues:
    """Finds the hidden references in values of custom properties, and what is shown in their place.

    Args:
        sight: What callers may view. Holds the definitions of the properties.
        targets: Holds what the values refer to.
    """

    def __init__(self, sight: Sight, targets: PropertyTargets) -> None:
        self._sight = sight
        self._targets = targets

    async def load(self, connection: ReadConnection, kind: str, values: Iterable[tuple[str, Any]]) -> None:
        """Loads the definitions of properties of a kind of asset, and what their values refer to.

        Args:
            values: Name and value of each property, those that cannot be references included.
        """
        pointing = [(key, pointers) for key, value in values if (pointers := list(pointers_in(value)))]
        if pointing:
            fqns = {names.join(kind, key) for key, _ in pointing}
            await self._sight.known.load(connection, fqns=fqns)
            await self._targets.load(connection, [pointer for _, pointers in pointing for pointer in pointers])

    def shown(self, principal: Principal, kind: str, key: str, value: Any) -> Any:
        """Returns a stored value as a caller sees it: `{"type": ..., "hidden": true}` in place of hidden references."""
        hidden = self.hidden(principal, kind, key, value)
        if not hidden:
            return value
        items = value if isinstance(value, list) else [value]
        seen = [hidden.get(index, item) for index, item in enumerate(items)]
        return seen if isinstance(value, list) else seen[0]

    def hidden(self, principal: Principal, kind: str, key: str, value: Any) -> dict[int, dict[str, Any]]:
        """Returns the hidden references in a stored value: what is shown for each, by its index; 0 for a single one."""
        items = value if isinstance(value, list) else [value]
        if not any(isinstance(item, dict) and Pointer.of(item) for item in items):
            return {}
        references = self._references(kind, key, value)
        return {
            index: _shown_in_place(items[index], reference)
            for index, reference in enumerate(references)
            if self._is_hidden(principal, reference)
        }

    def _references(self, kind: str, key: str, value: Any) -> list[PropertyReference]:
        record = self._sight.known.find("custom_property", names.join(kind, key))
        if record is not None:
            compiled = compile_property(record.attributes["property_type"], record.attributes["config"])
            if references := compiled.references(key, value):
                return references
        # An old version may have a value of a property that has been removed since, and perhaps defined anew as
        # something else. It may have been a reference.
        return [_any_reference(item) for item in (value if isinstance(value, list) else [value])]

    def _is_hidden(self, principal: Principal, reference: PropertyReference) -> bool:
        # The definition of a property that was defined anew may allow other kinds than the one of an old value.
        target = self._targets.find(reference) or self._targets.find(replace(reference, kinds=REFERENCE_KINDS))
        if target is not None:
            return not self._sight.shows_target(principal, target)
        # It has been removed for good, so nobody can say who might have viewed it.
        return not KINDS_OF_SERVICES.isdisjoint(reference.kinds)


def is_placeholder(item: Any) -> bool:
    """Says whether a value that was sent is what the catalog shows in place of a hidden reference."""
    return isinstance(item, dict) and item.get("hidden") is True and item.keys() <= {"type", "hidden"}


def _shown_in_place(item: Mapping[str, Any], reference: PropertyReference) -> dict[str, Any]:
    kind = reference.kinds[0] if len(reference.kinds) == 1 else None
    type_ = item.get("type", _TYPE_OF.get(kind, kind) if kind else None)
    return {"type": type_, "hidden": True} if type_ else {"hidden": True}


def _any_reference(item: Any) -> PropertyReference:
    parts = item if isinstance(item, dict) else {}
    id_, name, fqn = (
        part if isinstance(part := parts.get(key), str) else None for key in ("id", "name", "fullyQualifiedName")
    )
    pointer = Pointer.of(parts)
    kinds = REFERENCE_KINDS if pointer else ()
    return PropertyReference(kinds, id_ if pointer and pointer.id else None, name, fqn, "")
