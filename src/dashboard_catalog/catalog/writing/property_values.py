"""The values of custom properties that one write sends: checked against their definitions, references resolved."""

from collections.abc import Collection
from enum import Enum, auto
from typing import Any, NamedTuple

from dashboard_catalog.catalog.known.assumed import KnownAsset
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.known.property_targets import fqn_of_parts
from dashboard_catalog.catalog.known.unusable import is_left_out, why_unusable
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetWrite, Verb
from dashboard_catalog.catalog.model.stewardship import Marks
from dashboard_catalog.catalog.properties.custom_properties import (
    CompiledProperty,
    PropertyReference,
    compile_property,
)
from dashboard_catalog.catalog.properties.extension_rules import json_text, same_json
from dashboard_catalog.catalog.visibility.hidden_values import is_placeholder
from dashboard_catalog.catalog.writing.hidden_references import HiddenReferences
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation
from dashboard_catalog.store.records import AssetRecord

NOT_WRITTEN = object()
"""Stands for a value that stays as it is stored: the one sent refers to what people deleted."""


class _Fate(Enum):
    """What becomes of a reference: it is written, or ingestion leaves it out, or the write drops it."""

    WRITTEN = auto()
    LEFT_OUT = auto()
    DROPPED = auto()


class CheckedValue(NamedTuple):
    """A value as it can be stored.

    Attributes:
        left_out: Whether ingestion left out a reference of it that people have deleted.
        dropped: Whether the write dropped a reference of it that cannot be used.
    """

    value: Any
    left_out: bool = False
    dropped: bool = False


class PropertyValues:
    """Checks the custom properties of one write.

    Args:
        write: The write.
        stored: The asset as it is, or None for a new one.
        known_entities: Holds the definitions of the properties.
        decided: The marks that the write leaves alone.
        hidden: Holds what the values refer to, as far as the writer may view it.
    """

    def __init__(
        self,
        write: AssetWrite,
        stored: AssetRecord | None,
        known_entities: KnownEntities,
        decided: Marks,
        hidden: HiddenReferences,
    ) -> None:
        self._write = write
        self._kind = write.kind.name
        self._edits = write.edits
        self._stored = (stored.extension if stored else None) or {}
        self._known = known_entities
        self._decided = decided
        self._hidden = hidden
        self._parts = hidden.parts(write, stored)

    def check(self, key: str, value: Any, violations: list[Violation]) -> CheckedValue:
        """Returns a value as it can be stored; what is wrong with it is added to `violations`.

        Hidden parts of the stored value are left out; `merge` puts them back.

        Args:
            key: Name of the property.
            value: As sent; null clears the property.
            violations: Of the whole write.
        """
        stored = self._stored.get(key)
        if self._parts and (hidden := self._parts.of_value(key)):
            if not isinstance(stored, list):
                return CheckedValue(NOT_WRITTEN, left_out=not same_json(value, self._parts.shown(key)))
            stored = [item for index, item in enumerate(stored) if index not in hidden]
            value = [item for item in value if not is_placeholder(item)] if isinstance(value, list) else value
        return self._checked(key, value, stored, violations)

    def _checked(self, key: str, value: Any, stored: Any, violations: list[Violation]) -> CheckedValue:
        if value is None or same_json(value, stored):
            return CheckedValue(value)
        compiled = self._definition(key, violations)
        if compiled is None:
            return CheckedValue(value)
        checked, found = compiled.check(key, value)
        violations += found
        references = [] if found else compiled.references(key, checked)
        return self._resolved(key, checked, references, stored, violations) if references else CheckedValue(checked)

    def _definition(self, key: str, violations: list[Violation]) -> CompiledProperty | None:
        path, fqn = f"extension.{key}", names.join(self._kind, key)
        record = self._known.find("custom_property", fqn)
        failed = self._known.has_failed("custom_property", fqn) and not (record and self._write.drops)
        if record is None and not failed:
            text = f"no custom property {key} is defined for a {self._kind}"
            violations.append(Violation(path, ViolationReason.UNKNOWN_PROPERTY, text))
            return None
        if problem := why_unusable(path, "custom_property", fqn, record, failed=failed):
            violations.append(problem)
            return None
        return compile_property(record.attributes["property_type"], record.attributes["config"]) if record else None

    def _resolved(
        self, key: str, value: Any, references: list[PropertyReference], stored: Any, violations: list[Violation]
    ) -> CheckedValue:
        """Returns the value of a reference property: each reference once, without those that the write leaves out."""
        items = value if isinstance(value, list) else [value]
        held: Collection[str] = set(map(json_text, stored)) if isinstance(stored, list) else ()
        fates = [
            self._fate(reference, json_text(item) in held, violations)
            for item, reference in zip(items, references, strict=True)
        ]
        # What is marked stays as it is, and merging names it.
        if key in self._decided.extension_keys:
            return CheckedValue(value)
        left_out, dropped = _Fate.LEFT_OUT in fates, _Fate.DROPPED in fates
        if not isinstance(value, list):
            return CheckedValue(NOT_WRITTEN if left_out or dropped else value, left_out, dropped)
        # Where nothing is left, the key has no value: as with charts, what is stored is refreshed all the same.
        left = {json_text(item): item for item, fate in zip(items, fates, strict=True) if fate is _Fate.WRITTEN}
        return CheckedValue(list(left.values()) or None, left_out, dropped)

    def _fate(self, reference: PropertyReference, is_held: bool, violations: list[Violation]) -> _Fate:
        """Says what becomes of a reference. For one that is refused, a violation is added."""
        target = self._hidden.target(self._write, reference)
        failed = self._has_failed(reference, target)
        if is_left_out(target, edits=self._edits, failed=failed):
            return _Fate.LEFT_OUT
        if is_held and not failed:
            return _Fate.WRITTEN
        named = reference.fully_qualified_name or reference.name or ""
        hint = "; leave the id out to refer to it by name" if named else ""
        shown = f"with the id {reference.id}{hint}" if reference.id else named
        live = target if target and not target.deleted else None
        problem = why_unusable(reference.field, reference.kinds, shown, live, failed=failed)
        # A name in an older version may be that of its time.
        if problem is None and target and self._write.verb is not Verb.REVERT and not _agree(reference, target):
            text = f"id and name do not belong together: one is that of {target.kind} {target.fqn}"
            problem = Violation(reference.field, ViolationReason.CONFLICTING_PARTS, text)
        if problem is None:
            return _Fate.WRITTEN
        if problem.reason in self._write.drops:
            return _Fate.DROPPED
        violations.append(problem)
        return _Fate.WRITTEN

    def _has_failed(self, reference: PropertyReference, target: KnownAsset | None) -> bool:
        if target is not None:
            return self._known.has_failed(target.kind, target.fqn) and not self._write.drops
        fqn = fqn_of_parts(reference.fully_qualified_name, reference.name)
        return fqn is not None and any(self._known.has_failed(kind, fqn) for kind in reference.kinds)


def _agree(reference: PropertyReference, target: KnownAsset) -> bool:
    fqn = reference.fully_qualified_name
    return reference.name in (None, target.name) and (fqn is None or fqn_of_parts(fqn, None) == target.fqn)
