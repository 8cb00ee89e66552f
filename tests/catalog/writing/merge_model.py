"""A short model of what edits and ingestion do to assets; the tests compare the catalog with it.

Everything in an asset is one flat map of paths, as `kept_fields` names them, to values; an absent value is not in
the map. So a mark, a kept field and a change are each a path, whatever the field.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

EDIT, INGESTION, OVERRIDE = "edit", "ingestion", "override"
STEWARDED = ("display_name", "description", "owners", "domain", "tags.", "extension.")
EXCLUSIVE = "tags.Tier."

Content = dict[str, Any]
Spec = Mapping[str, Any]


class WriteResult(NamedTuple):
    """The response to a writer."""

    outcome: str
    kept: frozenset[str] = frozenset()


class Refused(Exception):
    """A write that changes nothing, with its reason, or with the refused fields and their reasons."""

    def __init__(self, why: str | dict[str, str]) -> None:
        super().__init__(why)
        self.why = why


@dataclass
class Asset:
    """An asset as the model sees it; `deleted_by` is `EDIT`, `INGESTION` or None."""

    content: Content = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    version: int = 1
    deleted_by: str | None = None
    deleted_with: str | None = None
    digest: object = None


class World:
    """Dashboards, and the charts that they hold, by name."""

    def __init__(self) -> None:
        self.assets: dict[str, Asset] = {}
        self.disabled_tags: set[str] = set()

    def upsert(self, name: str, by: str, spec: Spec, mask: Collection[str]) -> WriteResult:
        """Writes the set fields and those in the mask, to an asset that may be new or deleted."""
        asset = self.assets.get(name) or Asset()
        digest = None if by == EDIT else repr((by, sorted(spec.items()), sorted(mask)))
        if digest and digest == asset.digest and not asset.deleted_by:
            return WriteResult("UNCHANGED", merged(asset, spec, mask, by).kept)
        if asset.deleted_by == EDIT and by == INGESTION:
            return WriteResult("SUPPRESSED")
        result = self._write(asset, by, spec, mask, restores=asset.deleted_by is not None)
        if asset.deleted_by:
            self._bring_back(name)
            result = result._replace(outcome="RESTORED")
        if name not in self.assets:
            self.assets[name], asset.version = asset, 1
            result = result._replace(outcome="CREATED")
        left_out = any(path.startswith("charts.") for path in result.kept)
        if digest:
            asset.digest = None if left_out else digest
        return result

    def update(
        self, name: str, by: str, spec: Spec, mask: Collection[str], release: Collection[str] = ()
    ) -> WriteResult:
        """Writes the fields in the mask, then releases the ones in `release`."""
        asset = self._live(name)
        result = self._write(asset, by, {part: value for part, value in spec.items() if part in mask}, mask)
        if asset.marks & set(release):
            asset.marks -= set(release)
            asset.digest = None
        return result

    def delete(self, name: str, by: str) -> WriteResult:
        """Soft-deletes an asset, with its charts that no other live dashboard holds."""
        asset = self._live(name)
        others = [other for key, other in self.assets.items() if key != name and not other.deleted_by]
        held = {chart for other in others for chart in other.content.get("charts", ())}
        taken_along = [chart for chart in asset.content.get("charts", ()) if chart not in held]
        for key in (name, *taken_along):
            gone = self.assets[key]
            if not gone.deleted_by:
                self._changed(gone)
                gone.deleted_by, gone.deleted_with = by, None if key == name else name
        return WriteResult("UPDATED")

    def restore(self, name: str) -> WriteResult:
        """Restores an asset with the charts that were deleted with it."""
        if name not in self.assets:
            raise Refused("NOT_FOUND")
        if not self.assets[name].deleted_by:
            raise Refused("NOT_DELETED")
        self._changed(self.assets[name])
        self._bring_back(name)
        return WriteResult("RESTORED")

    def _live(self, name: str) -> Asset:
        if name not in self.assets or self.assets[name].deleted_by:
            raise Refused("NOT_FOUND")
        return self.assets[name]

    def _write(
        self, asset: Asset, by: str, spec: Spec, mask: Collection[str], *, restores: bool = False
    ) -> WriteResult:
        spec, left_out = self._referring(asset, by, spec)
        merge = merged(asset, spec, mask, by)
        changed = restores or merge.content != asset.content
        if changed or merge.marks != asset.marks:
            asset.digest = None
        if changed:
            self._changed(asset)
        asset.content, asset.marks = merge.content, merge.marks
        return WriteResult("UPDATED" if changed else "UNCHANGED", merge.kept | left_out)

    def _referring(self, asset: Asset, by: str, spec: Spec) -> tuple[Spec, frozenset[str]]:
        """Returns the spec without charts that people have deleted; refuses new references that are not allowed."""
        refused, left_out = {}, set()
        for index, chart in enumerate(spec.get("charts", ())):
            known = self.assets.get(chart)
            if known is None:
                refused[f"charts[{index}]"] = "UNKNOWN_REFERENCE"
            elif known.deleted_by == EDIT and by == INGESTION:
                left_out.add(chart)
            elif known.deleted_by and chart not in asset.content.get("charts", ()):
                refused[f"charts[{index}]"] = "DELETED_REFERENCE"
        for index, tag in enumerate(spec.get("tags", {})):
            path = f"tags.{tag}"
            left_alone = path in asset.marks and by == INGESTION
            if tag in self.disabled_tags and path not in asset.content and not left_alone:
                refused[f"tags[{index}].tag_fqn"] = "DISABLED_TAG"
        if refused:
            raise Refused(refused)
        if left_out:
            spec = {**spec, "charts": tuple(chart for chart in spec["charts"] if chart not in left_out)}
        return spec, frozenset(f"charts.{chart}" for chart in left_out)

    def _bring_back(self, name: str) -> None:
        self.assets[name].deleted_by = self.assets[name].deleted_with = None
        for other in self.assets.values():
            if other.deleted_with == name:
                self._changed(other)
                other.deleted_by = other.deleted_with = None

    def _changed(self, asset: Asset) -> None:
        asset.version += 1
        asset.digest = None


class Merge(NamedTuple):
    """The result of one write to an asset."""

    content: Content
    marks: set[str]
    kept: frozenset[str]


def merged(asset: Asset, spec: Spec, mask: Iterable[str], by: str) -> Merge:
    """Lets an edit mark each stewarded path that it changes, and ingestion keep each marked path."""
    before, after = asset.content, written(asset.content, spec, mask)
    differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    if by != INGESTION:
        return Merge(after, asset.marks | {path for path in differing if path.startswith(STEWARDED)}, frozenset())
    kept = differing & asset.marks
    for path in kept:
        after.pop(path, None)
        if path in before:
            after[path] = before[path]
    if any(path.startswith(EXCLUSIVE) for path in asset.marks & after.keys()):
        for path in [path for path in after if path.startswith(EXCLUSIVE) and path not in asset.marks]:
            kept.add(path)
            del after[path]
    return Merge(after, asset.marks, frozenset(kept))


def written(content: Content, spec: Spec, mask: Iterable[str]) -> Content:
    """Returns what an asset would hold without marks: set fields replace, unset fields in the mask are cleared."""
    after = dict(content)
    for part in {*spec, *mask}:
        sent = spec.get(part)
        if part == "tags" or (part == "extension" and not sent):
            after = {path: value for path, value in after.items() if not path.startswith(f"{part}.")}
        if part in ("tags", "extension"):
            after |= {f"{part}.{key}": value for key, value in (sent or {}).items()}
        else:
            after[part] = sent
    return {path: value for path, value in after.items() if value}
