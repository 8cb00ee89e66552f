"""The catalog as a plain model: the rules of writes and reads in the shortest form, to compare a server with.

It holds everything in memory, knows neither a database nor messages, and decides one write after the other. It covers
the fields that have rules of their own: a plain one (`sourceUrl`), a stewarded one (`description`), owners, domain,
tags, charts and one custom property.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Values = dict[str, Any]
"""Values of fields by their names in JSON. A field without a value is absent."""

STEWARDED = ("description", "owners", "domain")
PROPERTY = "costCentre"

MISSING: Mapping[str, str] = {
    "MISSING_DESCRIPTION": "description",
    "MISSING_OWNERS": "owners",
    "MISSING_DOMAIN": "domain",
    "MISSING_TAGS": "tags",
}
"""The field that an asset lacks, by the value of the filter."""


class Refusal(Exception):
    """The model refuses a call.

    Attributes:
        code: gRPC code.
        reason: Reason in the details of the error.
        moved_to: Name that the thing has today.
    """

    def __init__(self, code: str, reason: str, moved_to: str = "") -> None:
        super().__init__(f"{code} {reason} {moved_to}")
        self.code, self.reason, self.moved_to = code, reason, moved_to


INVALID = ("INVALID_ARGUMENT", "INVALID_REQUEST")
ABSENT = ("NOT_FOUND", "NOT_FOUND")
TAKEN = ("ALREADY_EXISTS", "ALREADY_EXISTS")
HELD = ("FAILED_PRECONDITION", "STILL_REFERENCED")
NOT_DELETED = ("FAILED_PRECONDITION", "NOT_DELETED")
REVERTED = ("FAILED_PRECONDITION", "SESSION_REVERTED")


@dataclass(eq=False)
class Thing:
    """An entity: what refers to it shows the name that it has today."""

    kind: str
    name: str
    parent: "Thing | None" = None
    former: set[str] = field(default_factory=set)

    @property
    def fqn(self) -> str:
        """Its fully qualified name today."""
        return f"{self.parent.fqn}.{self.name}" if self.parent else self.name


@dataclass(frozen=True)
class Actor:
    """Who writes, and whether the writes are ingestion."""

    subject: str
    ingests: bool = False


@dataclass(frozen=True, eq=False)
class Version:
    """One version of an asset."""

    name: str
    values: Values
    deleted: bool
    actor: Actor
    session: str = ""
    deleted_by_edit: bool = False
    deleted_with: "Asset | None" = None
    marks: frozenset[tuple[str, Any]] = frozenset()
    undoes: bool = False


@dataclass(eq=False)
class Asset:
    """An asset with all its versions, oldest first."""

    kind: str
    service: Thing
    versions: list[Version]
    id: str = ""
    marks: set[tuple[str, Any]] = field(default_factory=set)
    ingested: bool = False
    digest: Any = None
    former: set[str] = field(default_factory=set)
    removed: bool = False
    number: int = 0

    @property
    def now(self) -> Version:
        """Its newest version."""
        return self.versions[-1]

    @property
    def fqn(self) -> str:
        """Its fully qualified name today."""
        return f"{self.service.fqn}.{self.now.name}"


@dataclass
class Written:
    """The outcome of a write."""

    asset: Asset
    outcome: str
    kept: set[str] = field(default_factory=set)
    version: int = 0

    def __post_init__(self) -> None:
        self.version = len(self.asset.versions)


@dataclass
class Merge:
    """What a write changes of an asset, the marks after it, and what it leaves alone."""

    marks: set[tuple[str, Any]]
    changes: Values = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Spec:
    """What a caller sends of an asset: its values, with charts as (service, name), and the mask."""

    kind: str
    service: Thing
    name: str
    values: Values
    mask: frozenset[str] = frozenset()


class Catalog:
    """The whole catalog."""

    def __init__(self) -> None:
        self.assets: list[Asset] = []
        self.removed: list[Asset] = []
        self.number = 0

    # Finding.

    def find(self, kind: str, service: Thing, name: str) -> Asset | None:
        """Returns the asset that has this name today."""
        return next((a for a in self._all(kind) if a.service is service and a.now.name == name), None)

    def formerly(self, kind: str, service: Thing, name: str) -> Asset | None:
        """Returns the asset that had this name before, as long as nothing else has it."""
        return next((a for a in self._all(kind) if a.service is service and name in a.former), None)

    def live(self, kind: str, service: Thing, name: str) -> Asset:
        """Returns the asset of this name that is not deleted."""
        asset = self.found(kind, service, name)
        if asset.now.deleted:
            raise Refusal(*ABSENT)
        return asset

    def found(self, kind: str, service: Thing, name: str) -> Asset:
        """Returns the asset of this name, deleted or not."""
        asset = self.find(kind, service, name)
        if asset is None:
            moved = self.formerly(kind, service, name)
            raise Refusal(*ABSENT, moved.fqn if moved else "")
        return asset

    def _all(self, kind: str) -> Iterable[Asset]:
        return (asset for asset in self.assets if asset.kind == kind)

    def _holders(self, chart: Asset) -> list[Asset]:
        return [a for a in self._all("dashboard") if chart in a.now.values.get("charts", ())]

    # Writing.

    def create(self, actor: Actor, spec: Spec) -> Written:
        """Creates an asset."""
        if self.find(spec.kind, spec.service, spec.name):
            raise Refusal(*TAKEN)
        return self._create(actor, spec, "")

    def upsert(self, actor: Actor, spec: Spec, *, session: str = "") -> Written:
        """Creates or updates an asset."""
        asset = self.find(spec.kind, spec.service, spec.name)
        kept: set[str] = set()
        if asset is None and actor.ingests and (asset := self.formerly(spec.kind, spec.service, spec.name)):
            kept.add("name")
        if asset is None:
            return self._create(actor, spec, session)
        digest = _digest(actor, spec)
        if digest is not None and digest == asset.digest and not asset.now.deleted:
            return Written(asset, "UNCHANGED", kept | self._kept(actor, asset, spec))
        if asset.now.deleted and asset.now.deleted_by_edit and actor.ingests:
            return Written(asset, "SUPPRESSED", kept)
        written = self._change(actor, asset, spec, session)
        written.kept |= kept
        return written

    def update(self, actor: Actor, spec: Spec) -> Written:
        """Writes what the mask names."""
        asset = self.live(spec.kind, spec.service, spec.name)
        return self._change(actor, asset, spec, "", only_mask=True)

    def delete(
        self, actor: Actor, asset: Asset, *, session: str = "", goes: Callable[[Asset], bool] | None = None
    ) -> None:
        """Soft-deletes an asset, with its charts that nothing else holds.

        Args:
            goes: Says which charts may go along; all by default.
        """
        self._delete_one(actor, asset, None, session)
        for chart in self._own_charts(asset):
            held = any(not holder.now.deleted for holder in self._holders(chart))
            if not chart.now.deleted and not held and (goes is None or goes(chart)):
                self._delete_one(actor, chart, asset, session)

    def restore(self, actor: Actor, asset: Asset, *, session: str = "") -> None:
        """Restores an asset, after the charts that were deleted with it."""
        if not asset.now.deleted:
            raise Refusal(*NOT_DELETED)
        self._restore_charts(actor, asset, session)
        self._restore_one(actor, asset, session)

    def remove(self, asset: Asset) -> None:
        """Removes an asset for good, with its charts that nothing else holds."""
        if asset.kind == "chart" and self._holders(asset):
            raise Refusal(*HELD)
        for chart in self._own_charts(asset):
            if self._holders(chart) == [asset]:
                self._remove_one(chart)
        self._remove_one(asset)

    def rename(self, actor: Actor, asset: Asset, name: str) -> None:
        """Gives an asset another name."""
        if asset.now.deleted:
            raise Refusal(*ABSENT)
        if name == asset.now.name:
            return
        if self.find(asset.kind, asset.service, name):
            raise Refusal(*TAKEN)
        self._take_name(asset.kind, asset.service, name)
        asset.former.add(asset.now.name)
        self._add_version(actor, asset, replace(asset.now, name=name), "")
        asset.digest = None

    def revert(self, actor: Actor, asset: Asset, number: int) -> tuple[str, set[str]]:
        """Writes an asset as it was in a version, and returns the outcome and what is left out."""
        if asset.now.deleted or not 0 < number <= len(asset.versions):
            raise Refusal(*ABSENT)
        values, left_out = self._usable(asset, asset.versions[number - 1].values)
        fields = set(_FIELDS[asset.kind])
        sent = Spec(asset.kind, asset.service, asset.now.name, values, frozenset(fields))
        merge = self._merge(actor, asset, sent, values.get("charts", []))
        changes = merge.changes
        if not changes and merge.marks == asset.marks:
            return "UNCHANGED", left_out
        asset.digest = None
        if changes:
            self._add_version(actor, asset, replace(asset.now, values=_with(asset.now.values, changes)), "")
        asset.marks = merge.marks
        return ("UPDATED" if changes else "UNCHANGED"), left_out

    def _usable(self, asset: Asset, wanted: Values) -> tuple[Values, set[str]]:
        """Returns the values of an older version that can be written today, and what is left out of it."""
        held = asset.now.values.get("charts", [])
        charts = wanted.get("charts", [])
        usable = [chart for chart in charts if not chart.removed and (chart in held or not chart.now.deleted)]
        left_out = {f"charts.{chart.id if chart.removed else chart.fqn}" for chart in charts if chart not in usable}
        return _with(wanted, {"charts": usable}), left_out

    def revert_session(self, actor: Actor, session: str) -> tuple[int, int]:
        """Puts back what a session wrote, and returns how much, and how much was skipped."""
        written = [asset for asset in self.assets if any(_is_by(version, session) for version in asset.versions)]
        whole = [asset for asset in written if _is_whole(asset, session)]
        put_back = [a for a in written if a not in whole and any(v.session == session and v.undoes for v in a.versions)]
        created = [asset for asset in whole if _is_by(asset.versions[0], session)]
        held = {
            chart
            for holder in self._all("dashboard")
            if not holder.now.deleted and holder not in whole
            for chart in holder.now.values.get("charts", ())
        }
        kept = [asset for asset in created if asset in held]
        reverted = skipped = 0
        for asset in sorted((a for a in whole if a not in created), key=lambda a: a.kind):
            before = next(v for v in reversed(asset.versions) if not _is_by(v, session))
            values, _ = self._usable(asset, before.values)
            after = replace(before, name=asset.now.name, values=values)
            if _state(after) == _state(asset.now) and asset.marks == before.marks:
                continue
            self._add_version(actor, asset, after, session, undoes=True)
            asset.marks = set(before.marks)
            asset.digest = None
            reverted += 1
        going = [asset for asset in created if asset not in kept and not asset.now.deleted]
        # The newest change first: the dashboard that goes last takes along the charts that several hold.
        for asset in sorted(going, key=lambda a: (a.kind, a.number), reverse=True):
            if not asset.now.deleted:
                reverted += self._undo_creation(actor, asset, session, going)
        gone = [a for a in self.removed if any(_is_by(version, session) for version in a.versions)]
        skipped = len(written) - len(whole) - len(put_back) + len(kept) + len(gone)
        return reverted, skipped

    def _undo_creation(self, actor: Actor, asset: Asset, session: str, going: Sequence[Asset]) -> int:
        """Deletes an asset that a session created, with its charts that it created too. Returns their number."""
        gone: list[tuple[Asset, Asset | None]] = [(asset, None)]
        for chart in self._own_charts(asset):
            held = any(not holder.now.deleted and holder is not asset for holder in self._holders(chart))
            if chart in going and len(chart.versions) == 1 and not chart.now.deleted and not held:
                gone.append((chart, asset))
        for each, along in gone:
            after = replace(each.now, deleted=True, deleted_by_edit=False, deleted_with=along)
            self._add_version(actor, each, after, session, undoes=True)
            each.digest = None
        return len(gone)

    def chunk(self, actor: Actor, specs: Sequence[Spec], session: str) -> list[Written | Refusal]:
        """Applies the items of one chunk, charts first. An item that refers to a refused one is refused too."""
        results: dict[int, Written | Refusal] = {}
        first: dict[Any, tuple[int, Spec]] = {}
        failed: set[tuple[str, Thing, str]] = set()
        for place, spec in enumerate(specs):
            key = self._chunk_key(spec)
            earlier = first.setdefault(key, (place, spec))
            if _content(earlier[1]) != _content(spec):
                results[place] = Refusal("INVALID_ARGUMENT", "DUPLICATE_ITEM")
        in_order = sorted(enumerate(specs), key=lambda item: item[1].kind)
        for place, spec in in_order:
            if place not in results:
                results[place] = self._try(actor, spec, session, failed)
                if isinstance(results[place], Refusal):
                    failed.add((spec.kind, spec.service, spec.name))
        return [results[place] for place in range(len(specs))]

    def _try(
        self, actor: Actor, spec: Spec, session: str, failed: Container[tuple[str, Thing, str]]
    ) -> Written | Refusal:
        if any(("chart", *chart) in failed for chart in spec.values.get("charts", ())):
            return Refusal(*INVALID)
        try:
            return self.upsert(actor, spec, session=session)
        except Refusal as refusal:
            return refusal

    def _chunk_key(self, spec: Spec) -> Any:
        asset = self.find(spec.kind, spec.service, spec.name) or self.formerly(spec.kind, spec.service, spec.name)
        return spec.kind, spec.service, asset.now.name if asset else spec.name

    def sweep(
        self, actor: Actor, service: Thing, mentioned: Iterable[tuple[str, Thing, str]], *, since: int, session: str
    ) -> int:
        """Deletes what ingestion has written, was not mentioned, and has not changed since a change number.

        A kind that was not mentioned at all is left alone. Charts that mentioned dashboards hold count as mentioned.

        Returns:
            The number of deleted assets, without the charts that went along with their dashboards.
        """
        names = {(kind, name) for kind, of, name in mentioned if of is service}
        kinds = [kind for kind in ("chart", "dashboard") if any(each == kind for each, _ in names)]
        mentions = {*names, *(("chart", name) for kind, of, name in mentioned if kind == "held" and of is service)}

        def gone(asset: Asset) -> bool:
            known = {(asset.kind, name) for name in (asset.now.name, *asset.former)}
            return asset.ingested and asset.number <= since and not known & mentions

        doomed = [
            asset
            for kind in kinds
            for asset in sorted(self._all(kind), key=lambda a: a.now.name)
            if asset.service is service and not asset.now.deleted and gone(asset)
        ]
        deleted = 0
        for kind in ("chart", "dashboard"):
            for asset in doomed:
                if asset.kind == kind and not asset.now.deleted:
                    self.delete(actor, asset, session=session, goes=gone)
                    deleted += 1
        return deleted

    # What they share.

    def _create(self, actor: Actor, spec: Spec, session: str) -> Written:
        charts, left_out = self._charts(actor, None, spec)
        asset = Asset(spec.kind, spec.service, [])
        blank = Version(spec.name, {}, deleted=False, actor=actor)
        asset.versions.append(blank)
        merge = self._merge(actor, asset, spec, charts)
        asset.versions.clear()
        self._take_name(spec.kind, spec.service, spec.name)
        self._add_version(actor, asset, replace(blank, values=_with({}, merge.changes)), session)
        asset.marks = merge.marks
        asset.ingested = actor.ingests
        asset.digest = None if left_out else _digest(actor, spec)
        self.assets.append(asset)
        return Written(asset, "CREATED", merge.kept | left_out)

    def _change(self, actor: Actor, asset: Asset, spec: Spec, session: str, *, only_mask: bool = False) -> Written:
        if only_mask:
            spec = replace(spec, values={k: v for k, v in spec.values.items() if k in spec.mask})
        charts, left_out = self._charts(actor, asset, spec)
        merge = self._merge(actor, asset, spec, charts)
        changes, was_deleted = merge.changes, asset.now.deleted
        same = not changes and merge.marks == asset.marks and not was_deleted
        if was_deleted:
            self._restore_charts(actor, asset, session)
        if changes or was_deleted:
            after = replace(asset.now, values=_with(asset.now.values, changes), **_RESTORED)
            self._add_version(actor, asset, after, session)
        asset.marks = merge.marks
        digest = _digest(actor, spec) if not only_mask else None
        asset.digest = None if left_out else (digest if digest is not None else asset.digest if same else None)
        asset.ingested = asset.ingested or actor.ingests
        outcome = "RESTORED" if was_deleted else "UPDATED" if changes else "UNCHANGED"
        return Written(asset, outcome, merge.kept | left_out)

    def _kept(self, actor: Actor, asset: Asset, spec: Spec) -> set[str]:
        """Returns what the same spec left alone before."""
        if not asset.marks:
            return set()
        return self._merge(actor, asset, spec, self._charts(actor, asset, spec)[0]).kept

    def _charts(self, actor: Actor, asset: Asset | None, spec: Spec) -> tuple[list[Asset], set[str]]:
        held = asset.now.values.get("charts", []) if asset else []
        found: list[Asset] = []
        left_out: set[str] = set()
        for service, name in dict.fromkeys(spec.values.get("charts", ())):
            chart = self.find("chart", service, name)
            if chart is None and actor.ingests:
                chart = self.formerly("chart", service, name)
            if chart is None:
                raise Refusal(*INVALID)
            if chart.now.deleted and chart.now.deleted_by_edit and actor.ingests:
                left_out.add(f"charts.{service.fqn}.{name}")
            elif chart.now.deleted and chart not in held:
                raise Refusal(*INVALID)
            elif chart not in found:
                found.append(chart)
        return found, left_out

    def _merge(self, actor: Actor, asset: Asset, spec: Spec, charts: list[Asset]) -> Merge:
        old, merge = asset.now.values, Merge(set(asset.marks))
        for name in dict.fromkeys((*spec.values, *sorted(spec.mask))):
            value: Any = charts if name == "charts" else spec.values.get(name)
            if name == "tags":
                self._merge_tags(actor, old.get(name, ()), value or (), merge)
            elif (old.get(name) or None) == (value or None):
                continue
            elif name == "extension":
                self._merge_part(actor, name, value, ("key", PROPERTY), merge)
            elif name in STEWARDED:
                self._merge_part(actor, name, value, ("field", name), merge)
            else:
                merge.changes[name] = value
        return merge

    def _merge_tags(self, actor: Actor, old: Iterable[Thing], sent: Iterable[Thing], merge: Merge) -> None:
        before, wanted = set(old), set(sent)
        if not actor.ingests:
            merge.marks |= {("tag", tag) for tag in before ^ wanted}
            new = wanted
        else:
            marked = {tag for mark, tag in merge.marks if mark == "tag"}
            new = (before & marked) | (wanted - marked)
            merge.kept |= {f"tags.{tag.fqn}" for tag in (before & marked) ^ (wanted & marked)}
        if new != before:
            merge.changes["tags"] = frozenset(new)

    def _merge_part(self, actor: Actor, name: str, value: Any, mark: tuple[str, str], merge: Merge) -> None:
        if not actor.ingests:
            merge.marks.add(mark)
        elif mark in merge.marks:
            merge.kept.add(name if mark[0] == "field" else f"{name}.{PROPERTY}")
            return
        merge.changes[name] = value

    def _own_charts(self, asset: Asset) -> list[Asset]:
        charts = (chart for chart in asset.now.values.get("charts", ()) if not chart.removed)
        return [chart for chart in charts if chart.service is asset.service]

    def _delete_one(self, actor: Actor, asset: Asset, along: Asset | None, session: str) -> None:
        after = replace(asset.now, deleted=True, deleted_by_edit=not actor.ingests, deleted_with=along)
        self._add_version(actor, asset, after, session)
        asset.digest = None

    def _restore_charts(self, actor: Actor, asset: Asset, session: str) -> None:
        for chart in self._all("chart"):
            if chart.now.deleted and chart.now.deleted_with is asset:
                self._restore_one(actor, chart, session)

    def _restore_one(self, actor: Actor, asset: Asset, session: str) -> None:
        self._add_version(actor, asset, replace(asset.now, **_RESTORED), session)
        asset.digest = None

    def _remove_one(self, asset: Asset) -> None:
        asset.removed = True
        self.assets.remove(asset)
        self.removed.append(asset)

    def _take_name(self, kind: str, service: Thing, name: str) -> None:
        for asset in self._all(kind):
            if asset.service is service:
                asset.former.discard(name)

    def _add_version(self, actor: Actor, asset: Asset, version: Version, session: str, *, undoes: bool = False) -> None:
        self.number += 1
        asset.number = self.number
        if asset.versions:
            # A version keeps the marks that the asset had until the next one.
            asset.versions[-1] = replace(asset.now, marks=frozenset(asset.marks))
        asset.versions.append(replace(version, actor=actor, session=session, undoes=undoes))


_FIELDS = {
    "chart": ("description", "sourceUrl", "owners", "domain", "tags"),
    "dashboard": ("description", "sourceUrl", "owners", "domain", "tags", "charts", "extension"),
}
"""The fields that the model knows of each kind."""


_RESTORED: Mapping[str, Any] = {"deleted": False, "deleted_by_edit": False, "deleted_with": None}


def fields_of(kind: str) -> Sequence[str]:
    """Returns the fields that the model knows of a kind."""
    return _FIELDS[kind]


def _is_by(version: Version, session: str) -> bool:
    return version.session == session and not version.undoes


def _is_whole(asset: Asset, session: str) -> bool:
    """Says whether the newest versions are those of a session, and nobody else wrote any between them."""
    by = [_is_by(version, session) for version in asset.versions]
    return by[-1] and all(by[by.index(True) :])


def _state(version: Version) -> Any:
    return version.values, version.deleted, version.deleted_by_edit, version.deleted_with


def _content(spec: Spec) -> Any:
    return sorted(spec.values.items(), key=lambda item: item[0]), spec.name


def _digest(actor: Actor, spec: Spec) -> Any:
    """Returns what the digest of an ingested spec stands for; None for an edit."""
    if not actor.ingests:
        return None
    return spec.name, tuple(sorted((name, _frozen(value)) for name, value in spec.values.items())), spec.mask


def _frozen(value: Any) -> Any:
    if isinstance(value, (frozenset, set)):
        return str(sorted(each.fqn for each in value))
    return str([(service.fqn, name) for service, name in value]) if isinstance(value, list) else str(value)


def _with(values: Values, changes: Mapping[str, Any]) -> Values:
    return {name: value for name, value in {**values, **changes}.items() if value or value == 0}
