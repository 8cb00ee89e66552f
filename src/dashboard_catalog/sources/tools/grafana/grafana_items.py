"""Turns dashboards of Grafana into items: the BI service, tags, charts and dashboards.

Names are those that OpenMetadata's connector gives: the uid of a dashboard, and `UID_ID` for a panel. So what either of
them has loaded stays the same asset.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard_catalog.catalog.model.qualified_names import join, quote
from dashboard_catalog.sources.items.found import FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools.grafana.models import GrafanaDashboard, Object
from dashboard_catalog.sources.tools.grafana.panels import Library, chart_type, panels_of
from dashboard_catalog.sources.tools.tool_tags import label, usable
from dashboard_catalog.sources.wishes import Wishes

CLASSIFICATION = "GrafanaTags"

# What the items have, or what says again what they have.
_KEPT_OF_DASHBOARDS = frozenset(("id", "uid", "title", "description", "tags", "panels", "rows", "elements"))
_KEPT_OF_CHARTS = frozenset(("id", "uid", "name", "title", "description", "type", "libraryPanel", "panels"))


@dataclass(frozen=True, slots=True)
class Placed:
    """A dashboard, and what only its source knows.

    Attributes:
        place: Where it was found.
        name: Its name; the uid if it has one.
        dashboard: The dashboard.
        project: Its folder.
        url: Its address; None without a server.
    """

    place: str
    name: str
    dashboard: GrafanaDashboard
    project: str | None = None
    url: str | None = None


@dataclass(slots=True)
class GrafanaItems:
    """The items of one Grafana.

    Args:
        wishes: Names the BI service.
        url: Address of the server; None without one.

    Raises:
        SourceError: If the wishes do not name the BI service.
    """

    wishes: Wishes
    url: str | None = None
    _service: str = field(init=False)
    _has_service: bool = False
    _tags: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not self.wishes.service:
            raise SourceError("Grafana does not say what its BI service is called: give --service NAME")
        self._service = self.wishes.service

    def of(self, placed: Placed, library: Library) -> Iterator[FoundItem]:
        """Yields a dashboard and its charts, and before them the BI service and the tags, each only once."""
        model = placed.dashboard.model
        panels = panels_of(model, library)
        names, left_out = _tag_names(model.get("tags"))
        if not self._has_service:
            self._has_service = True
            yield self._service_item(placed.place)
        yield from self._new_tags(placed.place, names)
        for problem in panels.problems:
            yield FoundItem(placed.place, problem=f"has a panel that cannot be read: {problem}")
        for number, panel in panels.known:
            yield self._chart(placed, number, panel)
        charts = [self._fqn(_chart_name(placed, number)) for number, _ in panels.known]
        body = {
            "name": placed.name,
            "service": quote(self._service),
            "displayName": model.get("title"),
            "description": model.get("description"),
            "sourceUrl": placed.url,
            "project": placed.project,
            "owners": _owners(placed.dashboard.creator),
            "tags": [label(CLASSIFICATION, name) for name in names],
        }
        dropped = _others(Kind.DASHBOARD, model, _KEPT_OF_DASHBOARDS) + left_out
        yield FoundItem(placed.place, Kind.DASHBOARD, {**_present(body), "charts": charts}, dropped=dropped)

    def failed(self, place: str, uid: str, problem: str) -> FoundItem:
        """Returns a dashboard that cannot be read."""
        body = {"name": uid, "service": quote(self._service)}
        return FoundItem(place, body=body, problem=f"cannot be read: {problem}")

    def _service_item(self, place: str) -> FoundItem:
        body = {"name": self._service, "serviceType": self.wishes.service_type or "Grafana", "sourceUrl": self.url}
        return FoundItem(place, Kind.BI_SERVICE, _present(body))

    def _chart(self, placed: Placed, number: int, panel: Object) -> FoundItem:
        body = {
            "name": _chart_name(placed, number),
            "service": quote(self._service),
            "displayName": panel.get("title") or f"Panel {number}",
            "description": panel.get("description"),
            "chartType": chart_type(panel),
            "sourceUrl": placed.url and f"{placed.url}?viewPanel={number}",
        }
        dropped = _others(Kind.CHART, panel, _KEPT_OF_CHARTS)
        return FoundItem(f"{placed.place}, panel {number}", Kind.CHART, _present(body), dropped=dropped)

    def _new_tags(self, place: str, names: Sequence[str]) -> Iterator[FoundItem]:
        new = [name for name in names if name not in self._tags]
        if new and not self._tags:
            yield FoundItem(place, Kind.CLASSIFICATION, {"name": CLASSIFICATION})
        for name in new:
            yield FoundItem(place, Kind.TAG, {"name": name, "classification": CLASSIFICATION})
        self._tags.update(new)

    def _fqn(self, chart: str) -> str:
        return join(self._service, chart)


def _chart_name(placed: Placed, number: int) -> str:
    return f"{placed.name}_{number}"


def _tag_names(tags: object) -> tuple[Sequence[str], tuple[str, ...]]:
    """Returns the tags that can be names, without duplicates, and what to say of the others."""
    if not tags:
        return [], ()
    found = tags if isinstance(tags, list) else [tags]
    names = usable(tag for tag in found if isinstance(tag, str))
    known = set(names)
    left_out = sum(not (isinstance(tag, str) and tag in known) for tag in found)
    return names, ("dashboard.tags (that cannot be names)",) * left_out


def _owners(creator: str | None) -> list[Object] | None:
    return [{"type": "user", "name": creator}] if creator else None


def _present(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value not in (None, "", [])}


def _others(kind: Kind, body: Object, kept: frozenset[str]) -> tuple[str, ...]:
    """Returns the paths of what is not kept. What is empty says nothing."""
    return tuple(f"{kind}.{key}" for key, value in body.items() if value and key not in kept)
