"""What Superset calls its kinds of charts, and where a dashboard has its charts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

_CHART_TYPES: Mapping[str, str] = {
    viz_type: chart_type
    for chart_type, viz_types in {
        "Line": "line dual_line line_multi compare big_number mixed_timeseries time_pivot echarts_timeseries "
        "echarts_timeseries_line echarts_timeseries_smooth echarts_timeseries_step",
        "Table": "table ag-grid-table pivot_table pivot_table_v2 time_table paired_ttest",
        "Bar": "bar dist_bar echarts_timeseries_bar waterfall bullet",
        "Area": "area echarts_area horizon",
        "Pie": "pie rose sunburst sunburst_v2",
        "Histogram": "histogram histogram_v2",
        "Scatter": "scatter bubble bubble_v2 echarts_timeseries_scatter",
        "Text": "markup separator handlebars",
        "BoxPlot": "box_plot",
        "SanKey": "sankey sankey_v2",
        "Gauge": "gauge gauge_chart",
        "Map": "world_map country_map mapbox cartodiagram",
        "Graph": "graph_chart directed_force chord tree_chart",
        "Heatmap": "heatmap heatmap_v2 cal_heatmap",
        "Timeline": "gantt_chart event_flow",
    }.items()
    for viz_type in viz_types.split()
}
# These draw on a map.
_DECK = "deck_"
# An export puts the charts that are not in the layout into a row with such a name.
_APPENDED = "ROW-N-"


def chart_type(viz_type: object) -> str:
    """Returns the chart type that a `viz_type` of Superset is nearest to, or `Other`."""
    text = viz_type if isinstance(viz_type, str) else ""
    return "Map" if text.startswith(_DECK) else _CHART_TYPES.get(text, "Other")


def charts_in(position: object, number_of: Callable[[Mapping[str, Any]], object]) -> list[int]:
    """Returns the numbers of the charts in a layout, in the order of the page.

    Those that are on no page come last, ordered by number: an export gives them a place at random.

    Args:
        position: The layout.
        number_of: Returns the number of a chart from what the layout says about it, such as `{"chartId": 3}`; anything
            but an integer if there is none.
    """
    if not isinstance(position, dict):
        return []
    placed = list(_walk(position))
    others = position.keys() - placed
    return [*_numbers(position, placed, number_of), *sorted(_numbers(position, others, number_of))]


def _walk(position: Mapping[str, Any]) -> Iterator[str]:
    """Yields the keys of a layout from the top, without what only the appended rows hold."""
    waiting, seen = ["ROOT_ID"], set[str]()
    while waiting:
        key = waiting.pop()
        if key in seen or key.startswith(_APPENDED) or not isinstance(node := position.get(key), dict):
            continue
        seen.add(key)
        yield key
        if isinstance(children := node.get("children"), list):
            waiting += [child for child in reversed(children) if isinstance(child, str)]


def _numbers(
    position: Mapping[str, Any], keys: Iterable[str], number_of: Callable[[Mapping[str, Any]], object]
) -> Iterator[int]:
    for key in keys:
        node = position[key]
        if not isinstance(node, dict) or node.get("type") != "CHART" or not isinstance(node.get("meta"), dict):
            continue
        if isinstance(number := number_of(node["meta"]), int):
            yield number
