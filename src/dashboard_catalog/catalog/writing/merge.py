"""Edits win over ingestion: how the fields of one write meet what is stored and what people have decided.

An edit that sets, changes or clears a stewarded part marks it as decided by people, present or absent. Ingestion leaves
marked parts as they are and refreshes everything else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.known_entities import KnownEntities
from dashboard_catalog.catalog.model.commands import Marks
from dashboard_catalog.catalog.properties.extension_shape import same_json
from dashboard_catalog.catalog.writing.references import TagLabel
from dashboard_catalog.store.tables import AssetRecord

STEWARDED_FIELDS = ("display_name", "description", "owners", "domain")
"""Stewarded as a whole; tags are label by label, extension key by key."""

MAX_TAGS = 100
"""Of an asset, as the contract says it of what is sent."""

READ_AS = {"dashboard_type": "Dashboard"}
"""What readers are answered where nothing is stored: writing that there is no change."""

_LISTS = ("owners", "charts")
_UNORDERED = ("owners",)
_PLAIN_LABEL = ["Manual", "Confirmed"]


@dataclass(slots=True)
class Merge:
    """What one write changes of an asset, worked out without changing it.

    Attributes:
        changes: New values of the columns that change and are part of the version.
        edited: The marks afterwards, as stored.
        kept: What was left alone because people decided it, as `kept_fields` names it.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    edited: dict[str, list[str]] | None = None
    kept: list[str] = field(default_factory=list)


def merged(
    record: AssetRecord, values: Mapping[str, Any], mask: Iterable[str], *, edits: bool, known_entities: KnownEntities
) -> Merge:
    """Returns what `values`, resolved, change of `record`; fields in `mask` that have no value are cleared."""
    merging = _Merging(record, edits, known_entities)
    for name in {**values, **dict.fromkeys(sorted(mask))}:
        if name == "tags":
            merging.tags(values.get(name, []))
        elif name == "extension":
            merging.extension(values.get(name))
        elif name != "source_hash":
            merging.field(name, values.get(name, [] if name in _LISTS else None))
    return merging.result()


def labels_of(tags: list[UUID], special: Mapping[str, list[str]] | None) -> dict[UUID, list[str]]:
    """Returns [label type, state] of each tag, from the two columns of an asset that hold them."""
    return {id_: (special or {}).get(id_.hex, _PLAIN_LABEL) for id_ in tags}


def released(record: AssetRecord, release: Marks, known_entities: KnownEntities) -> dict[str, list[str]] | None:
    """Returns the marks of an asset, as stored, without those that `release` gives back to ingestion."""
    tags = {tag.id.hex for fqn in release.tags if (tag := known_entities.find("tag", fqn))}
    gone = {"fields": set(release.fields), "tags": tags, "extension_keys": set(release.extension_keys)}
    left = {part: [mark for mark in marks if mark not in gone[part]] for part, marks in (record.edited or {}).items()}
    return {part: marks for part, marks in left.items() if marks} or None


class _Merging:
    def __init__(self, record: AssetRecord, edits: bool, known_entities: KnownEntities) -> None:
        self._record = record
        self._edits = edits
        self._known = known_entities
        stored = record.edited or {}
        self._marks = {part: dict.fromkeys(stored.get(part, ())) for part in ("fields", "tags", "extension_keys")}
        self._merge = Merge()

    def result(self) -> Merge:
        edited = {part: list(marks) for part, marks in self._marks.items() if marks}
        self._merge.edited = edited or None
        return self._merge

    def field(self, name: str, value: Any) -> None:
        old, default = getattr(self._record, name), READ_AS.get(name)
        if (old or default) == (value or default) or (name in _UNORDERED and set(old) == set(value)):
            return
        if name in STEWARDED_FIELDS and not self._may_write("fields", name, name):
            return
        self._merge.changes[name] = value

    def _may_write(self, part: str, mark: str, shown: str) -> bool:
        """Marks a stewarded part that an edit changes; says no for a marked one that ingestion would change."""
        if self._edits:
            self._marks[part][mark] = None
            return True
        if mark in self._marks[part]:
            self._merge.kept.append(shown)
            return False
        return True

    def tags(self, labels: list[TagLabel]) -> None:
        old = labels_of(self._record.tags, self._record.tag_labels)
        new = self._edited_tags(old, labels) if self._edits else self._ingested_tags(old, labels)
        if new == old:
            return
        special = {id_.hex: label for id_, label in new.items() if label != _PLAIN_LABEL}
        self._merge.changes |= {"tags": list(new), "tag_labels": special or None}

    def _edited_tags(self, old: dict[UUID, list[str]], labels: list[TagLabel]) -> dict[UUID, list[str]]:
        new = {label.tag.id: [label.label_type, label.state] for label in labels}
        for id_ in {**old, **new}:
            if old.get(id_) != new.get(id_):
                self._marks["tags"][id_.hex] = None
        return new

    def _ingested_tags(self, old: dict[UUID, list[str]], labels: list[TagLabel]) -> dict[UUID, list[str]]:
        if not self._marks["tags"]:
            return {label.tag.id: [label.label_type, label.state] for label in labels}
        new = {id_: label for id_, label in old.items() if id_.hex in self._marks["tags"]}
        marked = [tag for id_ in new if (tag := self._known.get(id_))]
        taken = {group for tag in marked if (group := self._known.exclusive_group(tag))}
        sent_ids = {label.tag.id for label in labels}
        self._merge.kept += [f"tags.{tag.fqn}" for tag in marked if tag.id not in sent_ids]
        for label in labels:
            sent = [label.label_type, label.state]
            if label.tag.id.hex in self._marks["tags"]:
                if old.get(label.tag.id) != sent:
                    self._merge.kept.append(f"tags.{label.tag.fqn}")
            # What people marked may exclude a label, or leave no room for it.
            elif label.exclusive_group in taken or len(new) >= MAX_TAGS:
                self._merge.kept.append(f"tags.{label.tag.fqn}")
            else:
                new[label.tag.id] = sent
        return new

    def extension(self, sent: Mapping[str, Any] | None) -> None:
        old = self._record.extension or {}
        new = dict(old)
        # Without a value the mask clears every key.
        for key, value in sorted((dict.fromkeys(old) if sent is None else sent).items()):
            if same_json(old.get(key), value) or not self._may_write("extension_keys", key, f"extension.{key}"):
                continue
            if value is None:
                del new[key]
            else:
                new[key] = value
        if not same_json(new, old):
            self._merge.changes["extension"] = new or None
