"""Turns dashboards of Grafana into items: the BI service, tags, charts and dashboards.

Names are those that OpenMetadata's connector gives: the uid of a dashboard, and `UID_ID` for a panel. So what either of
them has loaded stays the same asset.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashboard_catalog.catalog.model.qualified_names import join, quote
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.tools.grafana.models import GrafanaDashboard, Object
from dashboard_catalog.sources.tools.grafana.panels import Library, chart_type, panels_of
from dashboard_catalog.sources.tools.tool_items import Tags, present, service_item, wished_service
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


class GrafanaItems:
    """The items of one Grafana.

    Args:
        wishes: Names the BI service.
        url: Address of the server; None without one.

    Raises:
        SourceError: If the wishes do not name the BI service.
    """

    def __init__(self, wishes: Wishes, url: str | None = None) -> None:
        self._service = wished_service(wishes, "Grafana")
        self._service_type = wishes.service_type or "Grafana"
        self._url = url
        self._tags = Tags(CLASSIFICATION)

    def bi_service(self, place: str) -> FoundItem:
        """Returns the BI service."""
        return service_item(place, self._service, self._service_type, self._url)

    def tags(self, place: str) -> Iterator[FoundItem]:
        """Yields the tags of the dashboards so far, and before them their classification."""
        return self._tags.items(place)

    def of(self, placed: Placed, library: Library) -> Iterator[Found]:
        """Yields the charts of a dashboard, and the dashboard."""
        panels = panels_of(placed.dashboard.model, library)
        for problem in panels.problems:
            yield BadItem(placed.place, f"has a panel that cannot be read: {problem}")
        for number, panel in panels.known:
            yield self._chart(placed, number, panel)
        yield self._dashboard(placed, [_chart_name(placed, number) for number, _ in panels.known])

    def failed(self, place: str, uid: str, problem: str) -> BadItem:
        """Returns a dashboard that cannot be read."""
        body = {"name": uid, "service": quote(self._service)}
        return BadItem(place, f"cannot be read: {problem}", Kind.DASHBOARD, body)

    def _dashboard(self, placed: Placed, charts: Sequence[str]) -> FoundItem:
        model, tags = placed.dashboard.model, placed.dashboard.model.get("tags") or []
        labels, left_out = self._tags.labels(placed.place, Kind.DASHBOARD, tags if isinstance(tags, list) else [tags])
        body = {
            "name": placed.name,
            "service": quote(self._service),
            "displayName": model.get("title"),
            "description": model.get("description"),
            "sourceUrl": placed.url,
            "project": placed.project,
            "owners": _owners(placed.dashboard.creator),
            "tags": labels,
            "charts": [join(self._service, chart) for chart in charts],
        }
        dropped = _others(Kind.DASHBOARD, model, _KEPT_OF_DASHBOARDS) + left_out
        return FoundItem(placed.place, Kind.DASHBOARD, present(body), dropped=dropped)

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
        return FoundItem(f"{placed.place}, panel {number}", Kind.CHART, present(body), dropped=dropped)


def _chart_name(placed: Placed, number: int) -> str:
    return f"{placed.name}_{number}"


def _owners(creator: str | None) -> list[Object] | None:
    return [{"type": "user", "name": creator}] if creator else None


def _others(kind: Kind, body: Object, kept: frozenset[str]) -> tuple[str, ...]:
    """Returns the paths of what is not kept. What is empty says nothing."""
    return tuple(f"{kind}.{key}" for key, value in body.items() if value and key not in kept)
