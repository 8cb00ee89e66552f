"""Files with dashboards of Grafana: exports, answers of its API, folders that provision it."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from dashboard_catalog.sources.files.json_values import JsonError, values_of
from dashboard_catalog.sources.files.trees import Tree, files_named
from dashboard_catalog.sources.items.found import BadItem, Found
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools.grafana.grafana_items import GrafanaItems, Placed
from dashboard_catalog.sources.tools.grafana.models import GrafanaDashboard, Object, dashboards_in, is_object, text_in
from dashboard_catalog.sources.tools.grafana.panels import Library
from dashboard_catalog.sources.wishes import Wishes

_STANDARD_INPUT = "-"
_SUFFIXES = (".json",)
_START_BYTES = 64 * 2**10
_FILES_TO_LOOK_AT = 20
_ENOUGH_SIGNS = 2
_SIGNS = tuple(
    re.compile(sign)
    for sign in (
        rb'"apiVersion"\s*:\s*"dashboard\.grafana\.app/',
        rb'"kind"\s*:\s*"Dashboard"',
        rb'"__(?:inputs|requires|elements)"\s*:',
        rb'"annotations"\s*:\s*\{\s*"(?:list|enable)"',
        rb'"(?:panels|rows)"\s*:\s*\[',
        rb'"(?:gridPos|fieldConfig|timepicker|templating)"\s*:\s*\{',
        rb'"schemaVersion"\s*:\s*\d',
        rb'"(?:editable|hideControls|liveNow)"\s*:\s*(?:true|false)',
        rb'"(?:graphTooltip|fiscalYearStartMonth)"\s*:\s*\d',
        rb'"uid"\s*:\s*(?:"|null)',
        rb'"folder(?:Uid|Title)"\s*:\s*"',
    )
)


class GrafanaFiles:
    """The format."""

    name = "grafana"
    has_all_charts = True

    def recognizes(self, tree: Tree) -> bool:
        """Says whether one of the first JSON files begins as a dashboard does."""
        starts = (tree.start(name, _START_BYTES) for name in files_named(tree, _SUFFIXES)[:_FILES_TO_LOOK_AT])
        return any(sum(bool(sign.search(start)) for sign in _SIGNS) >= _ENOUGH_SIGNS for start in starts)

    def items(self, tree: Tree, wishes: Wishes) -> Iterator[Found]:
        """Yields the BI service, the charts of each dashboard and itself, and the tags.

        Skips JSON that is no dashboard. A dashboard without a uid has the path of its file as its name.
        """
        items = GrafanaItems(wishes)
        yield items.bi_service(tree.name)
        has_any = False
        for name in files_named(tree, _SUFFIXES):
            for found in _items_of(tree, name, items):
                has_any = True
                yield found
        if not has_any:
            raise SourceError(f"{tree.name} has no dashboard of Grafana")
        yield from items.tags(tree.name)


def _items_of(tree: Tree, name: str, items: GrafanaItems) -> Iterator[Found]:
    try:
        values = list(values_of(tree.read(name)))
    except JsonError as error:
        yield BadItem(name, f"is not JSON: {error}")
        return
    found = [dashboard for value in values for dashboard in dashboards_in(value)]
    for number, dashboard in enumerate(found, start=1):
        several = f", dashboard {number}" if len(found) > 1 else ""
        if name == _STANDARD_INPUT and not dashboard.uid:
            yield BadItem(f"{name}{several}", "has no uid; in a file, the name of the file stands for it")
        else:
            yield from items.of(_placed(name, several, dashboard), _library(dashboard.model))


def _placed(file: str, several: str, dashboard: GrafanaDashboard) -> Placed:
    path = PurePosixPath(file)
    bare = path.with_suffix("") if path.suffix.lower() == ".json" else path
    project = dashboard.folder or (str(path.parent) if path.parent.parts else None)
    return Placed(f"{file}{several}", dashboard.uid or f"{bare}{several}", dashboard, project)


def _library(model: Object) -> Library:
    """Returns the library panels that an export has brought along."""
    elements = model.get("__elements")
    listed = list(elements.values()) if is_object(elements) else elements
    models = {
        text_in(element, "uid"): element["model"]
        for element in (listed if isinstance(listed, list) else ())
        if is_object(element) and is_object(element.get("model"))
    }
    return models.get
