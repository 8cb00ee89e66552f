"""Folders of samples as OpenMetadata has them: `service.json`, `charts.json`, `dashboards.json`.

The service is written in the form of a workflow, with a connection. Nothing of that is kept, as it has passwords.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dashboard_catalog.catalog.model.qualified_names import join, quote
from dashboard_catalog.sources.files.json_values import JsonError, values_of
from dashboard_catalog.sources.files.trees import Tree
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.wishes import Wishes

_SERVICE = "service.json"
_CHARTS = "charts.json"
_DASHBOARDS = "dashboards.json"
_START_BYTES = 4_096
# What versions before 1.0 call a field of today, and what says again what another field says.
_FORMER = {"chartUrl": "sourceUrl", "dashboardUrl": "sourceUrl"}
_OF_SERVICE = ("serviceName", "type")
_REPEATED = ("chartId",)


class OpenMetadataSamples:
    """The format."""

    name = "openmetadata"
    has_all_charts = True

    def recognizes(self, tree: Tree) -> bool:
        """Says whether the folder has the file of the service, and one of the others."""
        names = set(tree.names)
        if _SERVICE not in names or names.isdisjoint((_CHARTS, _DASHBOARDS)):
            return False
        return b'"serviceName"' in tree.start(_SERVICE, _START_BYTES)

    def items(self, tree: Tree, wishes: Wishes) -> Iterator[Found]:
        """Yields the BI service, the charts and the dashboards."""
        service = _value(tree, _SERVICE)
        name = service.get("serviceName") if isinstance(service, dict) else None
        if not isinstance(name, str) or not name:
            raise SourceError(f"{_SERVICE} has no serviceName")
        described = {"name": name, "serviceType": _type(service, wishes)}
        dropped = tuple(f"bi_service.{key}" for key in service if key not in _OF_SERVICE)
        yield FoundItem(_SERVICE, Kind.BI_SERVICE, described, dropped=dropped)
        charts = list(_listed(tree, _CHARTS, "charts"))
        known = {str(body.get("name")) for _, body in charts if isinstance(body, dict)}
        for place, body in charts:
            yield _item(place, Kind.CHART, body, name)
        for place, body in _listed(tree, _DASHBOARDS, "dashboards"):
            yield _with_charts(_item(place, Kind.DASHBOARD, body, name), name, known)


def _type(service: Mapping[str, Any], wishes: Wishes) -> str:
    """Returns the type of the BI service, as its connection spells it."""
    connection = service.get("serviceConnection")
    config = connection.get("config") if isinstance(connection, dict) else None
    found = config.get("type") if isinstance(config, dict) else None
    name = wishes.service_type or found or service.get("type")
    if not isinstance(name, str) or not name:
        raise SourceError(f"{_SERVICE} does not say the type of the BI service: give --service-type TYPE")
    return name


def _listed(tree: Tree, file: str, key: str) -> Iterator[tuple[str, object]]:
    if file not in tree.names:
        return
    value = _value(tree, file)
    bodies = value.get(key) if isinstance(value, dict) else value
    if not isinstance(bodies, list):
        raise SourceError(f"{file} has no list of {key}")
    for number, body in enumerate(bodies, start=1):
        yield f"{file}, {key} {number}", body


def _item(place: str, kind: Kind, body: object, service: str) -> Found:
    if not isinstance(body, dict):
        return BadItem(place, "is not a JSON object", kind)
    kept: dict[str, Any] = {key: value for key, value in body.items() if key not in _REPEATED}
    renamed = {_FORMER.get(key, key): value for key, value in kept.items()}
    return FoundItem(place, kind, {**renamed, "service": renamed.get("service") or quote(service)})


def _with_charts(found: Found, service: str, known: set[str]) -> Found:
    if isinstance(found, BadItem) or not isinstance(charts := found.body.get("charts"), list):
        return found
    return replace(found, body={**found.body, "charts": [_fqn(chart, service, known) for chart in charts]})


def _fqn(chart: object, service: str, known: set[str]) -> object:
    """Returns the fully qualified name of a chart. Some samples have that, others have its name alone."""
    is_name = isinstance(chart, str) and (chart in known or "." not in chart)
    return join(service, str(chart)) if is_name else chart


def _value(tree: Tree, file: str) -> Any:
    try:
        return next(values_of(tree.read(file)), None)
    except JsonError as error:
        raise SourceError(f"{file} is not JSON: {error}") from error
