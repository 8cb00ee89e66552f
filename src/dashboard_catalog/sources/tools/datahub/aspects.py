"""Reads what DataHub's file sink wrote, and puts together what it says about each entity.

An element is a MetadataChangeEvent, which has several aspects of an entity, or a MetadataChangeProposal, which has one.
Both kinds may be in one file, the aspects of an entity in any order, and a later one replaces an earlier one. Knows
which aspects are needed, not what becomes of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard_catalog.sources.files.json_values import JsonError, elements_of, values_of
from dashboard_catalog.sources.files.trees import Tree, files_named
from dashboard_catalog.sources.items.found import BadItem
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools.datahub.urns import type_of

SUFFIXES = (".json", ".jsonl", ".ndjson")
_INFO = ("title", "description", "externalUrl")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "dashboardInfo": (*_INFO, "dashboardUrl", "charts", "chartEdges"),
    "chartInfo": (*_INFO, "chartUrl", "type"),
    "editableDashboardProperties": ("description",),
    "editableChartProperties": ("description",),
    "subTypes": ("typeNames",),
    "ownership": ("owners",),
    "globalTags": ("tags",),
    "domains": ("domains",),
    "status": ("removed",),
    "dataPlatformInstance": ("instance",),
    "tagProperties": ("name", "description"),
    "domainProperties": ("name", "parentDomain"),
}
"""The keys of each aspect that are needed."""
_IDENTIFYING = frozenset(("dashboardKey", "chartKey", "tagKey", "domainKey"))
# What is not content: when something was said, and whether it was written by a person.
_SILENT: Mapping[str, tuple[str, ...]] = {
    "editableDashboardProperties": ("created", "lastModified"),
    "editableChartProperties": ("created", "lastModified"),
    "ownership": ("ownerTypes", "lastModified"),
    "dataPlatformInstance": ("platform",),
}
_KEPT_TYPES = frozenset(("dashboard", "chart", "tag", "domain"))
_MAX_PROBLEMS = 10_000
_PLAIN = re.compile(r"[A-Za-z]\w{0,63}", re.ASCII)


@dataclass(slots=True)
class Entity:
    """What the files say about one dashboard, chart, tag or domain.

    Attributes:
        urn: Its URN.
        place: Where it was found first.
        aspects: The needed keys of its aspects.
        dropped: For each aspect, the names of what else it has.
    """

    urn: str
    place: str
    aspects: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, aspect: str, key: str) -> Any:
        """Returns a value of an aspect; None if there is none."""
        return self.aspects.get(aspect, {}).get(key)

    @property
    def is_removed(self) -> bool:
        """Whether DataHub shows it no longer."""
        return self.get("status", "removed") is True


@dataclass(slots=True)
class Metadata:
    """What the files hold.

    Attributes:
        entities: By URN.
        others: URNs of the entities of each type that the catalog does not keep.
        problems: What cannot be read.
    """

    entities: dict[str, Entity] = field(default_factory=dict)
    others: dict[str, set[str]] = field(default_factory=dict)
    problems: list[BadItem] = field(default_factory=list)

    def of_type(self, type: str) -> Iterator[Entity]:
        """Yields the entities of a type."""
        return (entity for entity in self.entities.values() if type_of(entity.urn) == type)

    def take(self, place: str, element: object) -> None:
        """Takes one element of a file."""
        if not isinstance(element, dict):
            self.problems.append(BadItem(place, "is not a JSON object"))
        elif isinstance(snapshot := element.get("proposedSnapshot"), dict):
            for content in snapshot.values():
                self._take_snapshot(place, content)
        elif isinstance(urn := element.get("entityUrn"), str) and isinstance(element.get("aspectName"), str):
            self._take_proposal(place, urn, element)
        else:
            self.problems.append(
                BadItem(place, "is neither a MetadataChangeEvent nor a MetadataChangeProposal of DataHub")
            )

    def _take_snapshot(self, place: str, snapshot: object) -> None:
        if not isinstance(snapshot, dict) or not isinstance(urn := snapshot.get("urn"), str):
            self.problems.append(BadItem(place, "has no URN"))
        elif (entity := self._entity(place, urn)) is not None:
            for aspect in _list(snapshot.get("aspects")):
                for name, value in aspect.items() if isinstance(aspect, dict) else ():
                    # Of com.linkedin.pegasus2avro.dashboard.DashboardInfo the aspect is dashboardInfo.
                    short = name.rpartition(".")[2]
                    _store(entity, short[:1].lower() + short[1:], value)

    def _take_proposal(self, place: str, urn: str, proposal: Mapping[str, Any]) -> None:
        if (entity := self._entity(place, urn)) is None:
            return
        name, change = proposal["aspectName"], proposal.get("changeType")
        if change == "DELETE":
            entity.aspects.pop(name, None)
            entity.dropped.pop(name, None)
            if name in _IDENTIFYING:
                entity.aspects["status"] = {"removed": True}
        elif change == "PATCH":
            entity.dropped[f"{name} PATCH"] = (f"{_shown(name)} (PATCH)",)
        else:
            _store(entity, name, _value(proposal.get("aspect")))

    def _entity(self, place: str, urn: str) -> Entity | None:
        type = type_of(urn)
        if type in _KEPT_TYPES:
            return self.entities.setdefault(urn, Entity(urn, place))
        if type:
            self.others.setdefault(_shown(type), set()).add(urn)
        else:
            self.problems.append(BadItem(place, f"has {urn[:100]!r}, which is not a URN"))
        return None


def read(tree: Tree) -> Metadata:
    """Returns what the JSON files of a tree hold.

    Raises:
        SourceError: If a file is not JSON, or has much that is not from DataHub.
    """
    metadata = Metadata()
    for name in files_named(tree, SUFFIXES):
        try:
            for number, element in enumerate(elements_of(tree.read(name)), start=1):
                metadata.take(f"{name}, item {number}", element)
                if len(metadata.problems) > _MAX_PROBLEMS:
                    first = metadata.problems[0]
                    raise SourceError(f"{first.place} {first.problem}, and neither are {_MAX_PROBLEMS:,} others")
        except JsonError as error:
            raise SourceError(f"{name} is not JSON: {error}") from error
    return metadata


def _store(entity: Entity, name: str, value: object) -> None:
    if name in _IDENTIFYING:
        return
    content = value if isinstance(value, dict) else {}
    if (needed := _NEEDED.get(name)) is None:
        entity.dropped[name] = (_shown(name),) if content else ()
        return
    entity.aspects[name] = {key: content[key] for key in needed if key in content}
    known = (*needed, *_SILENT.get(name, ()))
    entity.dropped[name] = tuple(_shown(key) for key, inner in content.items() if key not in known and inner)


def _value(aspect: object) -> object:
    """Returns the content of an aspect, which a proposal wraps, and which may be JSON as text."""
    if not isinstance(aspect, dict):
        return None
    value = aspect.get("json", aspect.get("value"))
    if not isinstance(value, str):
        return value
    try:
        return next(values_of(value.encode(errors="replace")), None)
    except JsonError:
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _shown(name: str) -> str:
    """Returns a name as reports show it: one of the file is as it is only if it is plain."""
    return name if _PLAIN.fullmatch(name) else "other"
