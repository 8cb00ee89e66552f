"""From the references of an asset as sent to ids, with every violation named.

A reference that the asset holds already is never refused; a new one must exist and not be deleted.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.known_entities import KnownEntities, Target, fqn_of_parts
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.commands import AssetName, SentLabel, SentReference, Writer
from dashboard_catalog.catalog.properties.custom_properties import PropertyReference, compile_property
from dashboard_catalog.catalog.properties.extension_shape import json_text, same_json
from dashboard_catalog.errors import Violation, ViolationReason
from dashboard_catalog.store.tables import AssetRecord, EntityRecord

_LEFT_OUT = object()
"""Stands for the value of a property that is left as it is stored: the one sent refers to what people deleted."""


class TagLabel(NamedTuple):
    """A label that refers to a tag that exists."""

    tag: EntityRecord
    exclusive_group: UUID | None
    label_type: str
    state: str


@dataclass(slots=True)
class Resolved:
    """An asset's fields as they can be stored, and the references that were left out because people deleted them."""

    values: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


class Resolver:
    """Resolves the references of one write.

    Args:
        stored: The asset as it is, or None for a new one.
    """

    def __init__(self, known_entities: KnownEntities, kind: str, stored: AssetRecord | None, writer: Writer) -> None:
        self._known = known_entities
        self._kind = kind
        self._stored = stored
        self._writer = writer
        # The marks that the write leaves as they are. It adds nothing there, so nothing there must exist.
        self._decided = (stored.edited or {}) if stored is not None and not writer.edits else {}
        self.violations: list[Violation] = []
        self._left_out: list[str] = []

    def resolve(self, values: Mapping[str, Any]) -> Resolved:
        """Returns `values`, of the shape that `spec_parsing.parsed_spec` gives, with references resolved.

        What is wrong is added to `violations`.
        """
        decided = self._decided.get("fields", ())
        resolved = {}
        for name, value in values.items():
            known = len(self.violations)
            resolve = self._RESOLVERS.get(name)
            resolved[name] = resolve(self, value) if resolve else value
            if name in decided:
                self._forgive(known)
        return Resolved(resolved, self._left_out)

    def _held(self, name: str) -> list[UUID]:
        return getattr(self._stored, name) if self._stored else []

    def _refuse(self, path: str, reason: ViolationReason, text: str) -> None:
        self.violations.append(Violation(path, reason, text))

    def _forgive(self, known: int) -> None:
        """Takes back the violations after the first `known`: they are in what the write leaves alone."""
        self.violations[known:] = [v for v in self.violations[known:] if v.reason is ViolationReason.FAILED_REFERENCE]

    def _charts(self, charts: Mapping[AssetName, int]) -> list[UUID]:
        known = [self._known.chart(key) for key in charts]
        if not self._known.any_failed and all(chart and not chart.deleted for chart in known):
            # The common case: there is nothing to say about any of them.
            return [chart.id for chart in known if chart]
        held = set(self._held("charts"))
        ids = []
        for key, index in charts.items():
            fqn = names.join(*key)
            chart = self._known.chart(key)
            if self._known.has_failed("chart", fqn):
                self._refuse(f"charts[{index}]", ViolationReason.FAILED_REFERENCE, f"chart {fqn} failed in this chunk")
            elif chart is None:
                self._refuse(f"charts[{index}]", ViolationReason.UNKNOWN_REFERENCE, f"there is no chart {fqn}")
            elif chart.deleted and chart.deleted_by_edit and not self._writer.edits:
                self._left_out.append(f"charts.{fqn}")
            elif chart.deleted and chart.id not in held:
                self._refuse(f"charts[{index}]", ViolationReason.DELETED_REFERENCE, f"chart {fqn} is deleted")
            else:
                ids.append(chart.id)
        return ids

    def _owners(self, owners: Mapping[SentReference, int]) -> list[UUID]:
        found = {
            record.id: record
            for sent, index in owners.items()
            if (record := self._owner(sent, f"owners[{index}]")) is not None
        }
        teams = [record for record in found.values() if record.kind == "team"]
        if teams and len(found) > 1:
            text = "owners are any number of users, or exactly one team"
            self._refuse("owners", ViolationReason.OWNER_RULE, text)
        for team in teams:
            if team.attributes["team_type"] != "Group" and team.id not in self._held("owners"):
                text = f"team {team.name} is of type {team.attributes['team_type']}; only a Group can own assets"
                self._refuse("owners", ViolationReason.OWNER_RULE, text)
        return list(found)

    def _owner(self, sent: SentReference, path: str) -> EntityRecord | None:
        fqn = sent.fqn or (names.quote(sent.name) if sent.name else "")
        record = self._known.get(UUID(sent.id)) if sent.id else self._known.find(sent.type, fqn)
        if record is not None and sent.id and record.kind != sent.type:
            record = None
        if record is not None and (fqn not in ("", record.fqn) or sent.name not in ("", record.name)):
            text = f"the parts differ: the id is that of {sent.type} {record.name}"
            self._refuse(path, ViolationReason.CONFLICTING_PARTS, text)
            return None
        return self._usable(record, sent.type, sent.id or fqn, path, self._held("owners"))

    def _usable(
        self, record: EntityRecord | None, kind: str, shown: str, path: str, held: Collection[UUID]
    ) -> EntityRecord | None:
        if self._known.has_failed(kind, record.fqn if record else shown):
            self._refuse(path, ViolationReason.FAILED_REFERENCE, f"{kind} {shown} failed in this chunk")
        elif record is None:
            self._refuse(path, ViolationReason.UNKNOWN_REFERENCE, f"there is no {kind} {shown}")
        elif record.deleted and record.id not in held:
            self._refuse(path, ViolationReason.DELETED_REFERENCE, f"{kind} {shown} is deleted")
        else:
            return record
        return None

    def _domain(self, fqn: str) -> UUID | None:
        held = [self._stored.domain] if self._stored and self._stored.domain else []
        record = self._usable(self._known.find("domain", fqn), "domain", fqn, "domain", held)
        return record.id if record else None

    def _tags(self, tags: Mapping[str, tuple[int, SentLabel]]) -> list[TagLabel]:
        labels: list[TagLabel] = []
        held = {*self._held("tags"), *(UUID(hex=mark) for mark in self._decided.get("tags", ()))}
        for fqn, (index, sent) in tags.items():
            path = f"tags[{index}].tag_fqn"
            record = self._usable(self._known.find("tag", fqn), "tag", fqn, path, held)
            if record is None:
                continue
            if record.attributes["disabled"] and record.id not in held:
                self._refuse(path, ViolationReason.DISABLED_TAG, f"tag {fqn} is disabled")
            group = self._known.exclusive_group(record)
            rival = next((label.tag for label in labels if label.exclusive_group == group), None) if group else None
            # Both may be older than the rule: what is held is never refused.
            if rival and not {rival.id, record.id} <= held:
                text = f"tags {rival.fqn} and {fqn} are mutually exclusive"
                self._refuse(path, ViolationReason.MUTUALLY_EXCLUSIVE, text)
            labels.append(TagLabel(record, group, sent.label_type, sent.state))
        return labels

    def _extension(self, extension: Mapping[str, Any]) -> dict[str, Any]:
        stored = (self._stored.extension if self._stored else None) or {}
        resolved = {}
        for key, value in extension.items():
            known = len(self.violations)
            old = stored.get(key)
            checked = value if value is None or same_json(value, old) else self._property(key, value, old)
            if checked is not _LEFT_OUT:
                resolved[key] = checked
            if key in self._decided.get("extension_keys", ()):
                self._forgive(known)
        return resolved

    def _property(self, key: str, value: Any, stored: Any) -> Any:
        path = f"extension.{key}"
        fqn = names.join(self._kind, key)
        record = self._known.find("custom_property", fqn)
        if record is None and not self._known.has_failed("custom_property", fqn):
            text = f"no custom property {key} is defined for a {self._kind}"
            self._refuse(path, ViolationReason.UNKNOWN_PROPERTY, text)
            return value
        record = self._usable(record, "custom_property", fqn, path, [])
        if record is None:
            return value
        compiled = compile_property(record.attributes["property_type"], record.attributes["config"])
        checked, violations = compiled.check(key, value)
        self.violations += violations
        references = [] if violations else compiled.references(key, checked)
        return self._without_gone(key, checked, references, stored) if references else checked

    def _without_gone(self, key: str, value: Any, references: list[PropertyReference], stored: Any) -> Any:
        """Returns the value of a reference property without what ingestion leaves out."""
        items = value if isinstance(value, list) else [value]
        held = set(map(json_text, stored)) if isinstance(stored, list) else ()
        gone = [self._is_left_out(ref, json_text(item) in held) for item, ref in zip(items, references, strict=True)]
        # What is marked stays as it is, and merging names it.
        if not any(gone) or key in self._decided.get("extension_keys", ()):
            return value
        self._left_out.append(f"extension.{key}")
        if not isinstance(value, list):
            return _LEFT_OUT
        # Of which nothing is left, the key has no value: as with charts, what is stored is refreshed all the same.
        return [item for item, is_gone in zip(items, gone, strict=True) if not is_gone] or None

    def _is_left_out(self, reference: PropertyReference, is_held: bool) -> bool:
        """Says whether people deleted what a property refers to, so that ingestion leaves it out.

        Refuses what failed in this chunk; and in what is not held yet what does not exist, and parts that do not agree.
        """
        target = self._known.target(reference)
        shown = reference.id or reference.fully_qualified_name or reference.name
        kinds = " or ".join(reference.kinds)
        if self._target_failed(reference, target):
            text = f"{kinds} {shown} failed in this chunk"
            self._refuse(reference.field, ViolationReason.FAILED_REFERENCE, text)
        elif target and target.deleted_by_edit and not self._writer.edits:
            return True
        elif is_held:
            return False
        elif target is None or target.deleted:
            self._refuse(reference.field, ViolationReason.UNKNOWN_REFERENCE, f"there is no {kinds} {shown}")
        elif not _agree(reference, target):
            text = f"the parts differ: one is that of {target.kind} {target.fqn}"
            self._refuse(reference.field, ViolationReason.CONFLICTING_PARTS, text)
        return False

    def _target_failed(self, reference: PropertyReference, target: Target | None) -> bool:
        if target is not None:
            return self._known.has_failed(target.kind, target.fqn)
        fqn = fqn_of_parts(reference.fully_qualified_name, reference.name)
        return fqn is not None and any(self._known.has_failed(kind, fqn) for kind in reference.kinds)

    _RESOLVERS: ClassVar[Mapping[str, Callable[["Resolver", Any], Any]]] = {
        "charts": _charts,
        "owners": _owners,
        "domain": _domain,
        "tags": _tags,
        "extension": _extension,
    }


def _agree(reference: PropertyReference, target: Target) -> bool:
    fqn = reference.fully_qualified_name
    return reference.name in (None, target.name) and (fqn is None or fqn_of_parts(fqn, None) == target.fqn)
