"""The panels of a dashboard of Grafana: those of all its schemas, also inside rows.

Does not know items.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from dashboard_catalog.sources.tools.grafana.models import Object, is_object, text_in

Library = Callable[[str], Object | None]
"""Returns the model of a library panel by its uid; None if it cannot be had."""

CHART_TYPES: Mapping[str, str] = {
    "alertlist": "Table",
    "bar": "Bar",
    "barchart": "Bar",
    "bargauge": "Bar",
    "gauge": "Gauge",
    "geomap": "Map",
    "grafana-piechart-panel": "Pie",
    "grafana-worldmap-panel": "Map",
    "graph": "Line",
    "heatmap": "Heatmap",
    "histogram": "Histogram",
    "logs": "Table",
    "netsage-sankey-panel": "SanKey",
    "news": "Text",
    "nodeGraph": "Graph",
    "piechart": "Pie",
    "singlestat": "Text",
    "stat": "Text",
    "state-timeline": "Timeline",
    "status-history": "Timeline",
    "table": "Table",
    "table-old": "Table",
    "text": "Text",
    "timeseries": "Line",
    "trend": "Line",
    "xychart": "Scatter",
}
"""OpenMetadata's type for each type of panel, as far as it goes the same as in its connector. Others are `Other`."""

_ROW = "row"
# Until schema 15, rows were no panels, and had no ids.
_OLD_ROW = "rows"
# Grafana's own limit, as it counts in JavaScript.
_END_OF_IDS = 2**53
_LIBRARY_PANEL = "library-panel-ref"


@dataclass(slots=True)
class Panels:
    """The panels of a dashboard.

    Attributes:
        known: The panels that are charts, with their ids, in their order.
        problems: What is not a panel, and why.
    """

    known: list[tuple[int, Object]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def panels_of(model: Object, library: Library) -> Panels:
    """Returns the panels of a dashboard, without rows.

    Panels without an id, or with the id of another one, get the next free id, as in Grafana.

    Args:
        model: The dashboard.
        library: Finds the panels that the dashboard only refers to.
    """
    panels = Panels()
    found = list(_flat(model, panels.problems))
    used: set[int] = set()
    free = max((number for panel in found if (number := _id(panel))), default=0) + 1
    for panel in found:
        if panel.get("type") == _OLD_ROW:
            continue
        number = _id(panel)
        if number is None or number in used:
            number, free = free, free + 1
        used.add(number)
        if panel.get("type") != _ROW:
            panels.known.append((number, _from_library(panel, library)))
    return panels


def chart_type(panel: Object) -> str:
    """Returns OpenMetadata's type for a panel."""
    return CHART_TYPES.get(text_in(panel, "type") or "", "Other")


def _flat(model: Object, problems: list[str]) -> Iterator[Object]:
    """Yields panels in their order, each row before the panels that it holds."""
    # No recursion, since rows may be nested as deeply as JSON allows.
    levels = [_listed(model, key, problems) for key in ("elements", "rows", "panels")]
    while levels:
        panel = next(levels[-1], None)
        if panel is None:
            levels.pop()
        else:
            yield panel
            levels.append(_listed(panel, "panels", problems))


def _listed(holder: Object, key: str, problems: list[str]) -> Iterator[Object]:
    value = holder.get(key)
    if key == "elements" and is_object(value):
        value = [_of_second_schema(element) for element in value.values()]
    if not isinstance(value, list | None):
        problems.append(f"{key} is not a list")
        return
    for number, panel in enumerate(value or (), start=1):
        if is_object(panel):
            yield {**panel, "type": _OLD_ROW} if key == "rows" else panel
        else:
            problems.append(f"{key} {number} is not an object")


def _of_second_schema(element: object) -> object:
    """Returns a panel of the second schema in the form of the first one."""
    spec = element.get("spec") if is_object(element) else None
    if not is_object(spec):
        return element
    config = spec.get("vizConfig")
    return {**spec, "type": text_in(config, "group") or text_in(config, "kind")}


def _id(panel: Object) -> int | None:
    number = panel.get("id")
    is_id = isinstance(number, int) and not isinstance(number, bool) and 0 < abs(number) < _END_OF_IDS
    return number if is_id else None


def _from_library(panel: Object, library: Library) -> Object:
    """Returns a panel; if it refers to the library, with what it does not say itself."""
    reference = panel.get("libraryPanel")
    if text_in(panel, "type") not in {None, _LIBRARY_PANEL} or not is_object(reference):
        return panel
    uid = text_in(reference, "uid")
    model = (library(uid) if uid else None) or {}
    own = {key: value for key, value in panel.items() if value and key != "type"}
    return {"title": reference.get("name"), **model, **own}
