"""From the references of an asset as sent to ids, with every violation named.

A reference that the asset already holds is never refused; a new one must exist and not be deleted. Ingestion leaves out
references to what people deleted.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.known.unusable import is_left_out, why_unusable
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, SentLabel, SentReference
from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.catalog.model.labels import Label, shared_label
from dashboard_catalog.catalog.model.stewardship import NO_MARKS, Marks
from dashboard_catalog.catalog.writing.hidden_references import HiddenReferences
from dashboard_catalog.catalog.writing.owners import check_owners
from dashboard_catalog.catalog.writing.property_values import NOT_WRITTEN, PropertyValues
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation
from dashboard_catalog.store.records import AssetRecord, EntityRecord

# No status has room for more. To word them all takes seconds for a batch of large dashboards.
_WORDED_CHARTS = 100


class TagLabel(NamedTuple):
    """A label that refers to a tag that exists."""

    tag: EntityRecord
    exclusive_group: UUID | None
    label: Label


class _Place(NamedTuple):
    """Where a write has a reference.

    Attributes:
        path: Field path.
        part: The reference as `left_out` names it.
    """

    path: str
    part: str


@dataclass(slots=True)
class Resolved:
    """An asset's fields as they can be stored.

    Attributes:
        values: By name.
        left_out: References that ingestion leaves out because people deleted their targets, as in `kept_fields`.
        kept: Fields and properties that people have decided, and whose new value cannot be used as a whole, as in
            `kept_fields`.
        dropped: What the write leaves out because it cannot be used, as in `left_out`.
        missing: Kind and fully qualified name of what of that could be created by name.
        violations: What is wrong with the references.
        more: How many charts do not exist besides those in `violations`.
    """

    values: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    missing: set[tuple[str, str]] = field(default_factory=set)
    violations: list[Violation] = field(default_factory=list)
    more: int = 0


def resolve(
    write: AssetWrite,
    stored: AssetRecord | None,
    known_entities: KnownEntities,
    hidden: HiddenReferences,
) -> Resolved:
    """Returns the values of a write, which `parsed_spec` has read, with their references resolved.

    Args:
        write: The write.
        stored: The asset as it is, or None for a new one.
        known_entities: Holds everything that the write refers to.
        hidden: Holds what its custom properties refer to. What the writer may not view does not exist for them.
    """
    return _Resolver(write, stored, known_entities, hidden).resolve(write.values)


class _Resolver:
    def __init__(
        self,
        write: AssetWrite,
        stored: AssetRecord | None,
        known_entities: KnownEntities,
        hidden: HiddenReferences,
    ) -> None:
        self._write = write
        self._hidden = hidden
        self._known = known_entities
        self._stored = stored
        self._edits = write.edits
        self._kind = write.kind
        # The marks that the write leaves alone. It adds nothing there, so nothing there must exist.
        self._decided = NO_MARKS if stored is None or self._edits else Marks.decode(stored.edited)
        # Only what exists matters then: what was stored once may be deleted, and older than today's rules.
        self._preserves = write.preserved is not None
        self.resolved = Resolved()

    def resolve(self, values: Mapping[str, Any]) -> Resolved:
        resolved = self.resolved
        resolved.values.update(values)
        for name, resolver in self._RESOLVERS.items():
            if name not in values:
                continue
            before, dropped = len(resolved.violations), len(resolved.dropped)
            found = resolver(self, values[name])
            resolved.values[name] = found
            # A list of which nothing is left is absent, as it would be without what is dropped.
            if found is NOT_WRITTEN or (not found and len(resolved.dropped) > dropped):
                del resolved.values[name]
            if name in self._decided.fields:
                self._forgive(before, dropped, name)
        return resolved

    def _held(self, name: str) -> list[UUID]:
        return getattr(self._stored, name) if self._stored else []

    def _drops(self, part: str, problem: Violation) -> bool:
        """Says whether the write leaves out a part that has a problem. Otherwise, it is refused for it.

        Args:
            part: As `left_out` names it.
        """
        if problem.reason in self._write.drops:
            self.resolved.dropped.append(part)
            return True
        self.resolved.violations.append(problem)
        return False

    def _has_failed(self, kind: str, fqn: str, found: Any) -> bool:
        """Says whether the item of the same chunk that writes a thing was refused, and the write minds that.

        One that drops what is missing does not, if the thing exists.
        """
        return self._known.has_failed(kind, fqn) and not (found and self._write.drops)

    def _forgive(self, before: int, dropped: int, path: str) -> None:
        """Forgets violations after the first `before`, and what is dropped: they are in what the write leaves alone."""
        found = self.resolved.violations
        if len(found) > before or len(self.resolved.dropped) > dropped:
            # Without what cannot be used, the rest may look the same as what is stored.
            self.resolved.kept.append(path)
        found[before:] = [v for v in found[before:] if v.reason is ViolationReason.FAILED_REFERENCE]
        del self.resolved.dropped[dropped:]

    def _charts(self, charts: Mapping[AssetName, int]) -> list[UUID]:
        known = self._known.charts(charts)
        if not self._hidden.shows_charts(self._write, charts):
            known = [self._hidden.chart(self._write, key) for key in charts]
        ids = [chart.id for chart in known if chart is not None and not chart.deleted]
        if len(ids) == len(known) and not self._known.any_failed("chart"):
            # The common case: there is nothing to say about any of them.
            return ids
        held = set(self._held("charts"))
        ids = []
        worded = _WORDED_CHARTS if self._only_counts_charts() else len(charts)
        for (key, index), chart in zip(charts.items(), known, strict=True):
            if chart is None and len(self.resolved.violations) >= worded:
                self.resolved.more += 1
                continue
            fqn = names.join(*key)
            failed = self._has_failed("chart", fqn, chart)
            is_held = chart is not None and (self._preserves or chart.id in held)
            if is_left_out(chart, edits=self._edits, failed=failed):
                self.resolved.left_out.append(f"charts.{fqn}")
            elif problem := why_unusable(
                f"charts[{index}]", "chart", fqn, chart, failed=failed, held=is_held, moved_to=self._chart_today(key)
            ):
                self._drops(f"charts.{fqn}", problem)
                # One that ingestion has deleted comes back. One that the writer may not view exists.
                if chart is not None or self._known.chart(key) is None:
                    self._note_missing_chart(key)
            elif chart:
                ids.append(chart.id)
        return ids

    def _only_counts_charts(self) -> bool:
        """Says whether a chart that does not exist can only have the write refused."""
        is_dropped = ViolationReason.UNKNOWN_REFERENCE in self._write.drops
        return not (is_dropped or self._known.any_failed("chart") or "charts" in self._decided.fields)

    def _note_missing_chart(self, key: AssetName) -> None:
        service = self._known.any_service(key.service)
        if service and not self._known.has_failed("chart", names.join(*key)):
            # The stream may name its BI service as its items do, or as the catalog does today.
            self.resolved.missing |= {("chart", names.join(name, key.name)) for name in (key.service, service.name)}

    def _chart_today(self, key: AssetName) -> str | None:
        """Returns today's name of a chart that had this one before, if the writer may view it."""
        if not self._known.former.any:
            return None
        present = self._known.present_chart(key)
        return names.join(*present) if present != key and self._hidden.chart(self._write, present) else None

    def _owners(self, owners: Mapping[SentReference, int]) -> list[UUID]:
        found = {
            record.id: record
            for sent, index in owners.items()
            if (record := self._owner(sent, f"owners[{index}]")) is not None
        }
        if ViolationReason.OWNER_RULE in self._write.drops:
            found = {id_: record for id_, record in found.items() if self._may_own(record)}
        if len(found) < len(owners):
            self._note_missing_owners(owners)
        held = found if self._preserves else self._held("owners")
        self.resolved.violations += check_owners(list(found.values()), held)
        return list(found)

    def _note_missing_owners(self, owners: Collection[SentReference]) -> None:
        # Not those that people have replaced, or that could not own the asset together.
        if "owners" in self._decided.fields or (len(owners) > 1 and any(sent.type == "team" for sent in owners)):
            return
        for sent in owners:
            fqn = sent.fqn or names.quote(sent.name)
            agrees = not sent.name or fqn == names.quote(sent.name)
            if not sent.id and agrees and self._known.find(sent.type, fqn) is None:
                self.resolved.missing.add((sent.type, fqn))

    def _may_own(self, record: EntityRecord) -> bool:
        problems = check_owners([record], self._held("owners"))
        for problem in problems:
            self._drops(_owner_part(record.kind, record.name), problem)
        return not problems

    def _owner(self, sent: SentReference, path: str) -> EntityRecord | None:
        fqn = sent.fqn or (names.quote(sent.name) if sent.name else "")
        record = self._known.get(UUID(sent.id)) if sent.id else self._known.find(sent.type, fqn)
        if record is not None and sent.id and record.kind != sent.type:
            record = None
        if record is not None and (fqn not in ("", record.fqn) or sent.name not in ("", record.name)):
            problem = Violation(path, ViolationReason.CONFLICTING_PARTS, "id and name do not belong together")
            self._drops(_owner_part(sent.type, sent.name or fqn), problem)
            return None
        if self._is_fine(sent.type, record):
            return record
        shown = self._shown_by_id(sent, fqn) if sent.id else fqn
        part = _owner_part(sent.type, record.name if record else sent.name or fqn or sent.id)
        return self._usable(record, sent.type, shown, _Place(path, part), self._held("owners"))

    def _shown_by_id(self, sent: SentReference, fqn: str) -> str:
        """Returns how to show a reference with an id that is unknown, as it is after a move from another catalog."""
        named = self._known.find(sent.type, fqn) if fqn else None
        hint = f"; {label_of(sent.type)} {fqn} has another id, so leave the id out" if named else ""
        return f"with the id {sent.id}{hint}"

    def _is_fine(self, kind: str, record: EntityRecord | None) -> bool:
        """Says whether there is nothing to say about a reference. Otherwise, `_usable` decides."""
        return record is not None and not record.deleted and not self._known.has_failed(kind, record.fqn)

    def _usable(
        self, record: EntityRecord | None, kind: str, shown: str, place: _Place, held: Collection[UUID]
    ) -> EntityRecord | None:
        failed = self._has_failed(kind, record.fqn if record else shown, record)
        is_held = record is not None and (self._preserves or record.id in held)
        renamed = self._known.renamed(kind, shown) if record is None else None
        moved_to = renamed.fqn if renamed else None
        if problem := why_unusable(place.path, kind, shown, record, failed=failed, held=is_held, moved_to=moved_to):
            self._drops(place.part, problem)
            return None
        return record

    def _domain(self, fqn: str) -> Any:
        record = self._known.find("domain", fqn)
        if not self._is_fine("domain", record):
            held = [self._stored.domain] if self._stored and self._stored.domain else []
            record = self._usable(record, "domain", fqn, _Place("domain", "domain"), held)
        return record.id if record else NOT_WRITTEN

    def _tags(self, tags: Mapping[str, tuple[int, SentLabel]]) -> list[TagLabel]:
        labels: list[TagLabel] = []
        held = {*self._held("tags"), *self._decided.tags}
        for fqn, (index, sent) in tags.items():
            record = found = self._known.find("tag", fqn)
            if not self._is_fine("tag", record):
                record = self._usable(record, "tag", fqn, _tag_place(fqn, index), held)
            if record is None:
                if found is None and self._has_room(fqn, tags):
                    self.resolved.missing.add(("tag", fqn))
                continue
            if self._preserves:
                held.add(record.id)
            if record.attributes["disabled"] and record.id not in held:
                path, part = _tag_place(fqn, index)
                disabled = Violation(path, ViolationReason.DISABLED_TAG, f"tag {fqn} is disabled")
                if self._drops(part, disabled):
                    continue
            group = self._known.exclusive_group(record)
            rival = next((label.tag for label in labels if label.exclusive_group == group), None) if group else None
            # Both may be older than the rule: what is held is never refused.
            if rival and not {rival.id, record.id} <= held:
                path, part = _tag_place(fqn, index)
                text = f"tags {rival.fqn} and {fqn} are mutually exclusive"
                if self._drops(part, Violation(path, ViolationReason.MUTUALLY_EXCLUSIVE, text)):
                    continue
            labels.append(TagLabel(record, group, shared_label(sent.label_type, sent.state)))
        return labels

    def _has_room(self, fqn: str, tags: Collection[str]) -> bool:
        """Says whether a tag that does not exist could stand beside the others, which may exclude it."""
        top = names.quote(names.split(fqn)[0])
        classification = self._known.find("classification", top)
        if classification is None or not classification.attributes["mutually_exclusive"]:
            return True
        return all(other == fqn or names.quote(names.split(other)[0]) != top for other in tags)

    def _extension(self, extension: Mapping[str, Any]) -> dict[str, Any]:
        properties = PropertyValues(self._write, self._stored, self._known, self._decided, self._hidden)
        if self._preserves:
            return {key: value for key, value in extension.items() if value is not None}
        resolved = {}
        for key, value in extension.items():
            before, part = len(self.resolved.violations), f"extension.{key}"
            checked = properties.check(key, value, self.resolved.violations)
            if checked.left_out:
                self.resolved.left_out.append(part)
            if checked.value is not NOT_WRITTEN:
                resolved[key] = checked.value
            if key in self._decided.extension_keys:
                self._forgive(before, len(self.resolved.dropped), part)
            found = self.resolved.violations[before:]
            if found and all(problem.reason in self._write.drops for problem in found):
                del self.resolved.violations[before:]
                resolved.pop(key, None)
                self.resolved.dropped.append(part)
            elif checked.dropped:
                self.resolved.dropped.append(part)
        return resolved

    _RESOLVERS: ClassVar[Mapping[str, Callable[["_Resolver", Any], Any]]] = {
        "charts": _charts,
        "owners": _owners,
        "domain": _domain,
        "tags": _tags,
        "extension": _extension,
    }


def _tag_place(fqn: str, index: int) -> _Place:
    return _Place(f"tags[{index}].tag_fqn", f"tags.{fqn}")


def _owner_part(kind: str, name: str) -> str:
    return f"owners.{kind}:{name}"
