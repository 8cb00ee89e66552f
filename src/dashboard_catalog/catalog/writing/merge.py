"""Edits win over ingestion: how the fields of one write meet what is stored and what people have decided.

An edit that sets, changes or clears a stewarded part marks it as decided by people, present or absent. Ingestion leaves
marked parts alone and refreshes everything else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model import labels
from dashboard_catalog.catalog.model.commands import SentMarks
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.model.labels import Label
from dashboard_catalog.catalog.model.stewardship import NO_MARKS, Marks
from dashboard_catalog.catalog.properties.extension_rules import same_json
from dashboard_catalog.catalog.visibility.hidden_parts import HiddenParts
from dashboard_catalog.catalog.writing.references import TagLabel
from dashboard_catalog.store.records import AssetRecord

MAX_TAGS = 100
"""Tags of an asset at most. The contract limits the tags of a spec to the same number."""

_LISTS = ("owners", "charts")


@dataclass(slots=True)
class Merge:
    """What one write changes of an asset, worked out without changing it.

    Attributes:
        changes: New values by column, only of columns that change and are part of the version.
        marks: The marks after the write.
        kept: What stays as it is because people decided it, as `kept_fields` names it.
        kept_hidden: Whether references stay because the writer may not view what they refer to.
    """

    marks: Marks
    changes: dict[str, Any] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    kept_hidden: bool = False


def merge(
    kind: AssetKind,
    record: AssetRecord,
    values: Mapping[str, Any],
    mask: Collection[str],
    *,
    edits: bool,
    known_entities: KnownEntities,
    hidden: HiddenParts | None = None,
) -> Merge:
    """Returns what a write changes of an asset.

    Args:
        kind: Of the asset.
        record: The asset as it is stored; a blank one for a new asset.
        values: The fields that the write sets, with references resolved.
        mask: Fields that are written even without a value, which clears them.
        edits: Whether the writer writes as people do: over marks, and setting them.
        known_entities: Holds the tags of the asset.
        hidden: What the writer may not view of the asset; it stays. None if there is nothing.
    """
    if not (record.change_number or edits or hidden):
        return Merge(NO_MARKS, _first_values(kind, values))
    merging = _Merging(kind, record, edits, known_entities, hidden)
    for name in dict.fromkeys([*values, *sorted(mask)]) if mask else values:
        if name == "tags":
            merging.tags(values.get(name, []))
        elif name == "extension":
            merging.extension(values.get(name))
        elif name != "source_hash":
            merging.field(name, values.get(name, [] if name in _LISTS else None))
    return merging.merge


def released(record: AssetRecord, release: SentMarks, known_entities: KnownEntities) -> Marks:
    """Returns the marks of an asset without those that `release` gives back to ingestion."""
    tags = [tag.id for fqn in release.tags if (tag := known_entities.find("tag", fqn))]
    return Marks.decode(record.edited).without(Marks(release.fields, tags, release.extension_keys))


def _first_values(kind: AssetKind, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what ingestion changes of a blank asset, as `_Merging` would: there is nothing to compare with."""
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name == "tags":
            changes |= labels.encode({label.tag.id: label.label for label in value}) if value else {}
        elif name == "extension":
            first = {key: value[key] for key in sorted(value) if value[key] is not None}
            changes |= {"extension": first} if first else {}
        elif name != "source_hash" and value != ([] if name in _LISTS else kind.defaults.get(name)):
            changes[name] = value
    return changes


class _Merging:
    def __init__(
        self,
        kind: AssetKind,
        record: AssetRecord,
        edits: bool,
        known_entities: KnownEntities,
        hidden: HiddenParts | None,
    ) -> None:
        self._kind = kind
        self._hidden = hidden
        self._record = record
        self._edits = edits
        self._known = known_entities
        self._marks = Marks.decode(record.edited)
        self.merge = Merge(self._marks)

    def field(self, name: str, value: Any) -> None:
        if name == "charts" and self._hidden:
            value = self._with_hidden(value, self._hidden.charts(value))
        if self._kind.same(name, getattr(self._record, name), value):
            return
        if name in self._kind.stewarded and not self._may_write(self._marks.fields, name, name):
            return
        self.merge.changes[name] = value

    def _with_hidden(self, value: Any, whole: Any) -> Any:
        if value != whole:
            self.merge.kept_hidden = True
        return whole

    def _may_write(self, marks: dict[str, None], mark: str, path: str) -> bool:
        """Marks a stewarded part that an edit changes; refuses one that is marked and that ingestion would change."""
        if self._edits:
            marks[mark] = None
            return True
        if mark in marks:
            self.merge.kept.append(path)
            return False
        return True

    def tags(self, sent: list[TagLabel]) -> None:
        old = labels.decode(self._record.tags, self._record.tag_labels)
        new = self._edited_tags(old, sent) if self._edits else self._ingested_tags(old, sent)
        if new != old:
            self.merge.changes |= labels.encode(new)

    def _edited_tags(self, old: dict[UUID, Label], sent: list[TagLabel]) -> dict[UUID, Label]:
        new = {label.tag.id: label.label for label in sent}
        for id_ in {**old, **new}:
            if old.get(id_) != new.get(id_):
                self._marks.tags[id_] = None
        return new

    def _ingested_tags(self, old: dict[UUID, Label], sent: list[TagLabel]) -> dict[UUID, Label]:
        if not self._marks.tags:
            return {label.tag.id: label.label for label in sent}
        new = {id_: label for id_, label in old.items() if id_ in self._marks.tags}
        marked = [tag for id_ in new if (tag := self._known.get(id_))]
        taken = {group for tag in marked if (group := self._known.exclusive_group(tag))}
        sent_ids = {label.tag.id for label in sent}
        self.merge.kept += [f"tags.{tag.fqn}" for tag in marked if tag.id not in sent_ids]
        for each in sent:
            if each.tag.id in self._marks.tags:
                if old.get(each.tag.id) != each.label:
                    self.merge.kept.append(f"tags.{each.tag.fqn}")
            # What people marked may exclude a label, or leave no room for it.
            elif each.exclusive_group in taken or len(new) >= MAX_TAGS:
                self.merge.kept.append(f"tags.{each.tag.fqn}")
            else:
                new[each.tag.id] = each.label
        return new

    def extension(self, sent: Mapping[str, Any] | None) -> None:
        old = self._record.extension or {}
        new = dict(old)
        # Without a value the mask clears every key.
        for key, sent_value in sorted((dict.fromkeys(old) if sent is None else sent).items()):
            value = sent_value
            if self._hidden:
                value = self._with_hidden(value, self._hidden.value(key, value))
            if same_json(old.get(key), value):
                continue
            if not self._may_write(self._marks.extension_keys, key, f"extension.{key}"):
                continue
            if value is None:
                del new[key]
            else:
                new[key] = value
        if not same_json(new, old):
            self.merge.changes["extension"] = new or None
