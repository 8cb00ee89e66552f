"""From an older version of an asset to the values that a caller would send to have it again.

A version holds ids, and the write path takes what callers send. What has been removed for good has no name to send, and
a writer cannot send what they may not view, so both are left out here. The write drops everything else that it cannot
use.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model import labels
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, SentLabel, SentReference
from dashboard_catalog.catalog.model.stewardship import Marks
from dashboard_catalog.catalog.properties.extension_rules import json_text, same_json
from dashboard_catalog.catalog.visibility.hidden_parts import HiddenParts
from dashboard_catalog.catalog.writing.asset_deletion import RESTORED
from dashboard_catalog.catalog.writing.hidden_references import HiddenReferences
from dashboard_catalog.catalog.writing.merge import Merge
from dashboard_catalog.catalog.writing.references import Resolved, resolve
from dashboard_catalog.store.records import AssetRecord


def as_sent(
    write: AssetWrite,
    stored: AssetRecord,
    version: AssetRecord,
    known_entities: KnownEntities,
    hidden: HiddenReferences,
) -> tuple[AssetWrite, list[str]]:
    """Returns a reversion with the values of its version as a caller would send them, and what has no value to send.

    Args:
        write: The reversion.
        stored: The asset as it is.
        version: The asset as it was.
        known_entities: Holds everything that the version refers to.
        hidden: Says what of it the writer may not view.
    """
    sending = _Sending(stored, version, known_entities, hidden.parts(write, version))
    return replace(write, values=sending.values(write.mask)), sending.left_out


def resolve_version(
    write: AssetWrite,
    stored: AssetRecord,
    known_entities: KnownEntities,
    hidden: HiddenReferences,
    left_out: Iterable[str],
) -> Resolved:
    """Returns the values of a reversion that `as_sent` has returned, with their references resolved.

    Args:
        left_out: What has no value to send; becomes part of what the write drops.
    """
    resolved = resolve(write, stored, known_entities, hidden)
    # Properties that the version does not have are cleared.
    others = dict.fromkeys(stored.extension or {})
    resolved.values["extension"] = others | resolved.values.get("extension", {})
    resolved.dropped = [*left_out, *resolved.dropped, *resolved.left_out]
    resolved.left_out = []
    return resolved


def bring_back(merged: Merge, stored: AssetRecord, version: AssetRecord) -> None:
    """Adds to a merge the marks of a version, and whether the asset was deleted."""
    merged.marks = Marks.decode(version.edited)
    states = {name: getattr(version, name) for name in RESTORED}
    merged.changes |= {name: state for name, state in states.items() if state != getattr(stored, name)}


class _Sending:
    def __init__(
        self,
        stored: AssetRecord,
        version: AssetRecord,
        known_entities: KnownEntities,
        hidden_then: HiddenParts | None,
    ) -> None:
        self._extension_now = stored.extension or {}
        self._charts_now = set(getattr(stored, "charts", ()))
        self._version = version
        self._known = known_entities
        self._hidden_then = hidden_then
        self.left_out: list[str] = []

    def values(self, fields: frozenset[str]) -> dict[str, Any]:
        readers = {
            "charts": self._charts,
            "owners": self._owners,
            "domain": self._domain,
            "tags": self._tags,
            "extension": self._extension,
        }
        values = {
            field: readers[field]() if field in readers else getattr(self._version, field) for field in sorted(fields)
        }
        return {field: value for field, value in values.items() if value is not None}

    def _charts(self) -> dict[AssetName, int]:
        charts: dict[AssetName, int] = {}
        for id_ in getattr(self._version, "charts", ()):
            if self._hidden_then and not self._hidden_then.shows_chart(id_):
                # One that the asset holds stays. Of another one, the writer may not even know the name.
                self._leave_out("charts", unless=id_ in self._charts_now)
            elif name := self._known.chart_name(id_):
                charts[name] = len(charts)
            else:
                self._leave_out(f"charts.{id_}")
        return charts

    def _owners(self) -> dict[SentReference, int]:
        owners = [
            SentReference(owner.kind, str(id_), owner.name, "")
            for id_ in self._version.owners
            if (owner := self._existing(id_, f"owners.{id_}"))
        ]
        return {owner: index for index, owner in enumerate(owners)}

    def _domain(self) -> str | None:
        id_ = self._version.domain
        domain = self._existing(id_, "domain") if id_ else None
        return domain.fqn if domain else None

    def _tags(self) -> dict[str, tuple[int, SentLabel]]:
        held = labels.decode(self._version.tags, self._version.tag_labels)
        there = [(tag.fqn, label) for id_, label in held.items() if (tag := self._existing(id_, f"tags.{id_}"))]
        return {fqn: (index, SentLabel(fqn, *label)) for index, (fqn, label) in enumerate(there)}

    def _existing(self, id_: UUID, part: str) -> Any:
        found = self._known.get(id_)
        if found is None:
            self._leave_out(part)
        return found

    def _extension(self) -> Mapping[str, Any]:
        values = self._version.extension or {}
        if self._hidden_then is None:
            return values
        seen = {}
        for key, value in values.items():
            hidden = self._hidden_then.of_value(key)
            if not hidden:
                seen[key] = value
            elif isinstance(value, list):
                self._leave_out(f"extension.{key}", unless=self._keeps(key, [value[index] for index in hidden]))
                seen[key] = [item for index, item in enumerate(value) if index not in hidden] or None
            else:
                self._leave_out(f"extension.{key}", unless=same_json(value, self._extension_now.get(key)))
        return seen

    def _keeps(self, key: str, items: list[Any]) -> bool:
        """Says whether hidden references are in the stored value of a list too. Then they stay there."""
        stored = self._extension_now.get(key)
        held = set(map(json_text, stored)) if isinstance(stored, list) else set()
        return held.issuperset(map(json_text, items))

    def _leave_out(self, part: str, *, unless: bool = False) -> None:
        if not unless and part not in self.left_out:
            self.left_out.append(part)
