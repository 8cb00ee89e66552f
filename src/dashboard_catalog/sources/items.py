"""Finds the items in what was read, and tells of which kind each is.

An item is the contract's `{"dashboard": {...}}`, `{"chart": {...}}` or `{"entity": {"user": {...}}}`, or
a bare body whose kind its file, its list or its keys tell. What is in a body is not known here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from dashboard_catalog.sources.files import Holding, Record, Source
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboardcatalog.v1 import entity_pb2

Body: TypeAlias = Mapping[str, Any]

_LISTS: Mapping[str, Holding | None] = {
    "entities": "entity",
    "charts": "chart",
    "dashboards": "dashboard",
    "items": None,
}
_ENTITY_KEYS = {
    key: Kind(field.name) for field in entity_pb2.Entity.DESCRIPTOR.fields for key in (field.name, field.json_name)
}
_AMONG: Mapping[Holding, str] = {
    "service": "BI services",
    "entity": "entities",
    "chart": "charts",
    "dashboard": "dashboards",
}
_CHART_KEYS = ("chartType", "chart_type", "dashboards")
_DASHBOARD_KEYS = ("charts", "dashboardType", "dashboard_type", "project")


@dataclass(frozen=True, slots=True)
class Found:
    """One item as it was written.

    Attributes:
        place: Where: `charts.ndjson:12`.
        kind: Its kind; None if there is a problem.
        body: What is written about it.
        problem: Why it is no item; None if it is one.
    """

    place: str
    kind: Kind | None = None
    body: Body | None = None
    problem: str | None = None


def items_in(source: Source, default: Kind | None) -> Iterator[Found]:
    """Yields the items of a source in its order.

    Args:
        source: What to read.
        default: Kind of a bare body that could be a dashboard as well as a chart.

    Raises:
        SourceError: If there is such a body and no default.
    """
    for record in source.records():
        if record.problem is not None:
            yield Found(record.place, problem=record.problem)
        else:
            for place, value, holding in _spread(record, source.holding):
                yield _told(place, value, holding, default)


def _spread(record: Record, holding: Holding | None) -> Iterator[tuple[str, object, Holding | None]]:
    """Yields what a list or an object of lists holds, each with what it must be; else the value."""
    value = record.value
    if isinstance(value, list):
        for number, element in enumerate(value, start=1):
            yield f"{record.place}, item {number}", element, holding
    elif isinstance(value, dict) and value and all(_is_list_of_items(*entry) for entry in value.items()):
        for name, elements in value.items():
            for number, element in enumerate(elements, start=1):
                yield f"{record.place}, {name} {number}", element, _LISTS[name] or holding
    else:
        yield record.place, value, holding


def _is_list_of_items(name: str, value: object) -> bool:
    return name in _LISTS and isinstance(value, list)


def _told(place: str, value: object, holding: Holding | None, default: Kind | None) -> Found:
    if not isinstance(value, dict):
        return Found(place, problem="is no JSON object")
    found = _wrapped(place, value) or _bare(place, value, holding, default)
    if found.kind is not None and holding is not None and not _fits(found.kind, holding):
        return Found(place, problem=f"is a {found.kind} among {_AMONG[holding]}")
    return found


def _wrapped(place: str, value: dict[str, Any]) -> Found | None:
    """Returns an item that names its kind: one key, and an object below it."""
    if len(value) != 1:
        return None
    [(key, body)] = value.items()
    if not isinstance(body, dict):
        return None
    if key == "entity":
        return _wrapped(place, body) or Found(place, problem=_NO_ENTITY)
    if key in {"dashboard", "chart"}:
        return Found(place, Kind(key), body)
    return Found(place, _ENTITY_KEYS[key], body) if key in _ENTITY_KEYS else None


def _bare(place: str, body: dict[str, Any], holding: Holding | None, default: Kind | None) -> Found:
    match holding:
        case "service":
            return Found(place, Kind.BI_SERVICE, body)
        case "entity":
            return Found(place, problem=_NO_ENTITY)
        case "chart" | "dashboard":
            return Found(place, Kind(holding), body)
    of_chart = [key for key in _CHART_KEYS if key in body]
    of_dashboard = [key for key in _DASHBOARD_KEYS if key in body]
    if of_chart and of_dashboard:
        return Found(place, problem=f"has {of_chart[0]} as a chart and {of_dashboard[0]} as a dashboard")
    if of_chart or of_dashboard:
        return Found(place, Kind.CHART if of_chart else Kind.DASHBOARD, body)
    if default is not None:
        return Found(place, default, body)
    if "name" not in body or "service" not in body:
        return Found(place, problem="is neither a dashboard nor a chart nor an entity")
    raise SourceError(
        f"{place} could be a dashboard or a chart. Say which all such are with --kind, "
        'or write {"dashboard": {...}} or {"chart": {...}}.'
    )


def _fits(kind: Kind, holding: Holding) -> bool:
    match holding:
        case "service":
            return kind is Kind.BI_SERVICE
        case "entity":
            return not kind.is_asset
        case _:
            return kind == holding


_NO_ENTITY = 'is no entity: write {"user": {...}}, with one of ' + ", ".join(
    field.json_name for field in entity_pb2.Entity.DESCRIPTOR.fields
)
