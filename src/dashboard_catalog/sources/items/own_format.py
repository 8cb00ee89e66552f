"""Finds the items in a source and the kind of each.

An item is `{"dashboard": {...}}`, `{"chart": {...}}` or `{"entity": {"user": {...}}}`, as in the contract, in an export
with `preserved` beside it. It may also be a bare body; then its file, its list or its keys give the kind. Items may be
in lists and in pages. Otherwise it does not know what is in a body.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from dashboard_catalog.catalog.model.qualified_names import quote
from dashboard_catalog.sources.files.recognition import other_tool
from dashboard_catalog.sources.files.records import Holding, Record, Source
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.paging import PAGING_KEYS, Paging
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.wishes import Wishes
from dashboardcatalog.v1 import entity_pb2

_LISTS: Mapping[str, Holding | None] = {
    "entities": "entity",
    "charts": "chart",
    "dashboards": "dashboard",
    "items": None,
    "data": None,
}
"""The lists of items, with what they hold. OpenMetadata calls its lists `data`."""
_SHOWN_KEYS = 5
_PRESERVED = "preserved"
_ENTITY_KEYS = {
    key: Kind(field.name) for field in entity_pb2.Entity.DESCRIPTOR.fields for key in (field.name, field.json_name)
}
_PLURALS: Mapping[Holding, str] = {
    "service": "BI services",
    "entity": "entities",
    "chart": "charts",
    "dashboard": "dashboards",
}
_CHART_KEYS = ("chartType", "chart_type", "dashboards")
_DASHBOARD_KEYS = ("charts", "dashboardType", "dashboard_type", "project")
# What gives away the kind of an entity of OpenMetadata. Its tags have the last two.
_ENTITY_SIGNS: Mapping[str, Kind] = {
    "serviceType": Kind.BI_SERVICE,
    "teamType": Kind.TEAM,
    "email": Kind.USER,
    "domainType": Kind.DOMAIN,
    "classification": Kind.TAG,
    "mutuallyExclusive": Kind.CLASSIFICATION,
}


def items_in(source: Source, wishes: Wishes, paging: Paging | None = None) -> Iterator[Found]:
    """Yields the items of a source in its order.

    Args:
        source: What to read.
        wishes: Kind of a bare body that could be a dashboard or a chart, and the BI service of those that name none.
        paging: Gets the pages that the source holds, if it is given.

    Raises:
        SourceError: If there is a body whose kind is not known, or if an item comes from another tool.
    """
    for record in source.records():
        if record.problem is not None:
            yield BadItem(record.place, record.problem)
            continue
        kind, count = None, 0
        for place, value, holding in _elements(record, source.holding):
            found = _item(place, value, holding, wishes)
            kind, count = kind or found.kind, count + 1
            yield found
        if paging is not None and _is_page(record.value):
            paging.take(record.place, record.value, kind, count)


def _elements(record: Record, holding: Holding | None) -> Iterator[tuple[str, object, Holding | None]]:
    """Yields each element of a list, or of an object of lists, with what it must be; of any other value the value."""
    value = record.value
    if isinstance(value, list):
        for number, element in enumerate(value, start=1):
            yield f"{record.place}, item {number}", element, holding
    elif _is_page(value):
        for name in (name for name in value if name in _LISTS):
            for number, element in enumerate(value[name], start=1):
                yield f"{record.place}, {name} {number}", element, _LISTS[name] or holding
    else:
        yield record.place, value, holding


def _is_page(value: object) -> TypeGuard[dict[str, Any]]:
    """Says whether a value is an object of lists, which may say where the next page is."""
    if not isinstance(value, dict):
        return False
    lists = [name for name in value if name not in PAGING_KEYS]
    return bool(lists) and all(name in _LISTS and isinstance(value[name], list) for name in lists)


def _item(place: str, value: object, holding: Holding | None, wishes: Wishes) -> Found:
    if not isinstance(value, dict):
        return BadItem(place, "is not a JSON object")
    found = _exported(place, value) or _wrapped(place, value) or _bare(place, value, holding, wishes)
    # Cheaper than to look at every item for the signs of other tools.
    if "service" not in (found.body or value) and (tool := other_tool(value)):
        raise SourceError(f"{place} is {tool}. {EXPECTED}")
    if isinstance(found, BadItem):
        return found
    if holding is not None and not _fits(found.kind, holding):
        return BadItem(place, f"is a {found.kind}, in a list of {_PLURALS[holding]}", body=found.body)
    return _with_service(found, wishes)


def _with_service(found: FoundItem, wishes: Wishes) -> FoundItem:
    """Returns an asset that names no BI service as one of the BI service that people say."""
    if wishes.service is None or not found.kind.is_asset or found.body.get("service"):
        return found
    return replace(found, body={**found.body, "service": quote(wishes.service)})


def _exported(place: str, value: dict[str, Any]) -> Found | None:
    """Returns an item as an export writes it; None if the value is not one."""
    preserved = value.get(_PRESERVED)
    if not isinstance(preserved, dict):
        return None
    found = _wrapped(place, {key: content for key, content in value.items() if key != _PRESERVED})
    return replace(found, preserved=preserved) if isinstance(found, FoundItem) else found


def _wrapped(place: str, value: dict[str, Any]) -> Found | None:
    """Returns an item that names its kind, as one key with an object below it; None if the value is not one."""
    if len(value) != 1:
        return None
    [(key, body)] = value.items()
    if not isinstance(body, dict):
        return None
    if key == "entity":
        return _wrapped(place, body) or BadItem(place, _NOT_AN_ENTITY)
    if key in {"dashboard", "chart"}:
        return FoundItem(place, Kind(key), body)
    return FoundItem(place, _ENTITY_KEYS[key], body) if key in _ENTITY_KEYS else None


def _bare(place: str, body: dict[str, Any], holding: Holding | None, wishes: Wishes) -> Found:
    match holding:
        case "service":
            return FoundItem(place, Kind.BI_SERVICE, body)
        case "entity":
            return BadItem(place, _NOT_AN_ENTITY)
        case "chart" | "dashboard":
            return FoundItem(place, Kind(holding), body)
    of_chart = [key for key in _CHART_KEYS if key in body]
    of_dashboard = [key for key in _DASHBOARD_KEYS if key in body]
    if of_chart and of_dashboard:
        text = f"has {of_chart[0]} like a chart and {of_dashboard[0]} like a dashboard"
        return BadItem(place, text, body=body)
    if of_chart or of_dashboard:
        return FoundItem(place, Kind.CHART if of_chart else Kind.DASHBOARD, body)
    if wishes.kind is not None:
        return FoundItem(place, wishes.kind, body)
    if "service" not in body and (kind := next((_ENTITY_SIGNS[key] for key in _ENTITY_SIGNS if key in body), None)):
        return FoundItem(place, kind, body)
    if "service" in body or "name" in body:
        return _ambiguous(place, body)
    return BadItem(place, _why_not_an_item(body))


def _ambiguous(place: str, body: dict[str, Any]) -> BadItem:
    if "service" not in body:
        text = 'has no service, as dashboards and charts must; an entity is written as {"entity": {"user": {...}}}'
        return BadItem(place, text, body=body)
    if "name" not in body:
        return BadItem(place, "has no name", body=body)
    raise SourceError(
        f"{place} could be a dashboard or a chart: give --kind for all such items, "
        'or write {"dashboard": {...}} or {"chart": {...}}'
    )


def _why_not_an_item(body: dict[str, Any]) -> str:
    if "items" in body and not body.keys().isdisjoint(("options", "finish", "offset")):
        return "is a request of BulkUpsert: give its options to the command, and only its items in the source"
    more = f" and {len(body) - _SHOWN_KEYS} more" if len(body) > _SHOWN_KEYS else ""
    keys = f"the keys {', '.join(list(body)[:_SHOWN_KEYS])}{more}" if body else "no keys"
    return f"is not a dashboard, a chart or an entity: it has {keys}"


def _fits(kind: Kind, holding: Holding) -> bool:
    match holding:
        case "service":
            return kind is Kind.BI_SERVICE
        case "entity":
            return not kind.is_asset
        case _:
            return kind == holding


EXPECTED = (
    'Expected {"dashboard": {...}}, {"chart": {...}} or {"entity": {...}} of the catalog, '
    "or a dashboard or chart of OpenMetadata; --from says that it is in another tool's format"
)
"""What a source may hold, for errors."""
_NOT_AN_ENTITY = 'is not an entity: write {"user": {...}}, with one of ' + ", ".join(
    field.json_name for field in entity_pb2.Entity.DESCRIPTOR.fields
)
