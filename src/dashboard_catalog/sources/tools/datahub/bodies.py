"""Dashboards and charts of DataHub in the form of the contract."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard_catalog.catalog.model.addresses import without_user
from dashboard_catalog.catalog.model.qualified_names import join, quote
from dashboard_catalog.sources.items.found import BadItem, Body, Found, FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.tools.datahub.aspects import Entity, Metadata
from dashboard_catalog.sources.tools.datahub.names import Names
from dashboard_catalog.sources.tools.datahub.urns import name_in, type_of
from dashboard_catalog.sources.tools.tool_items import Tags, present

INFO: Mapping[Kind, str] = {Kind.CHART: "chartInfo", Kind.DASHBOARD: "dashboardInfo"}
"""The aspect that an asset has, unless the files only have additions to it."""
_CHART_TYPES: Mapping[str, str] = {
    "AREA": "Area",
    "BAR": "Bar",
    "BOX_PLOT": "BoxPlot",
    "HISTOGRAM": "Histogram",
    "LINE": "Line",
    "PIE": "Pie",
    "SCATTER": "Scatter",
    "TABLE": "Table",
    "TEXT": "Text",
}
_MAX_PARENTS = 32


def item_of(asset: Entity, metadata: Metadata, names: Names, tags: Tags) -> Found:
    """Returns a dashboard or chart as an item."""
    kind = Kind(type_of(asset.urn))
    name, service = names.of(asset.urn)
    if not name or not service:
        return BadItem(asset.place, f"has {asset.urn[:100]!r}, not urn:li:{kind}:(PLATFORM,ID)", kind)
    labels, unusable = labels_of(asset, tags)
    dropped = [f"{kind}.{what}" for aspect in asset.dropped.values() for what in aspect]
    dropped += unusable
    info = INFO[kind]
    url = asset.get(info, f"{kind}Url") or asset.get(info, "externalUrl")
    body = {
        "name": name,
        "service": quote(service),
        "displayName": asset.get(info, "title"),
        "description": _described(asset, info),
        "sourceUrl": without_user(url.strip()) if isinstance(url, str) else url,
        "owners": _owners(asset, kind, dropped),
        "tags": labels,
        "domain": _domain(asset, kind, metadata, dropped),
    }
    if kind is Kind.CHART:
        body["chartType"] = _chart_type(asset.get(info, "type"))
    else:
        body["dashboardType"] = "Report" if "Report" in _texts(asset.get("subTypes", "typeNames")) else None
        body["charts"] = _charts(asset, metadata, names, dropped)
    return FoundItem(asset.place, kind, present(body), dropped=tuple(dropped))


def labels_of(asset: Entity, tags: Tags) -> tuple[Sequence[Body], tuple[str, ...]]:
    """Returns the labels of an asset, and what to say of tags that cannot be names. The tags count as used."""
    names = map(name_in, _texts(asset.get("globalTags", "tags"), "tag"))
    return tags.labels(asset.place, Kind(type_of(asset.urn)), names)


def _described(asset: Entity, info: str) -> Any:
    """Returns the description that people have written in DataHub, or else that of the tool."""
    editable = "editableDashboardProperties" if info == "dashboardInfo" else "editableChartProperties"
    return asset.get(editable, "description") or asset.get(info, "description")


def _charts(dashboard: Entity, metadata: Metadata, names: Names, dropped: list[str]) -> list[str]:
    """Returns the charts of a dashboard, in either of the forms that DataHub has, without those that are removed."""
    edges = _texts(dashboard.get("dashboardInfo", "chartEdges"), "destinationUrn")
    found = []
    for urn in dict.fromkeys([*_texts(dashboard.get("dashboardInfo", "charts")), *edges]):
        name, service = names.of(urn)
        chart = metadata.entities.get(urn)
        if chart is not None and chart.is_removed:
            dropped.append("dashboard.charts (removed)")
        elif name and service and type_of(urn) == "chart":
            found.append(join(service, name))
    return found


def _chart_type(value: object) -> object:
    return _CHART_TYPES.get(value, "Other") if isinstance(value, str) and value else value


def _owners(asset: Entity, kind: Kind, dropped: list[str]) -> list[dict[str, str]]:
    """Returns the users that own an asset, or else the first group: the catalog has users or one team as owners."""
    urns = list(dict.fromkeys(_texts(asset.get("ownership", "owners"), "owner")))
    users = [name for urn in urns if type_of(urn).lower() == "corpuser" and (name := name_in(urn))]
    groups = [name for urn in urns if type_of(urn).lower() == "corpgroup" and (name := name_in(urn))]
    kept = [] if users else groups[:1]
    dropped += [f"{kind}.owners (groups)"] * (len(groups) - len(kept))
    return [*({"type": "user", "name": name} for name in users), *({"type": "team", "name": name} for name in kept)]


def _domain(asset: Entity, kind: Kind, metadata: Metadata, dropped: list[str]) -> str | None:
    """Returns the fully qualified name of the first domain: the catalog keeps one."""
    urns = [urn for urn in dict.fromkeys(_texts(asset.get("domains", "domains"))) if name_in(urn)]
    dropped += [f"{kind}.domains (more than one)"] * (len(urns) - 1)
    return join(*_domain_names(urns[0], metadata)) if urns else None


def _domain_names(urn: str, metadata: Metadata) -> list[str]:
    """Returns the names of a domain and of its parents, as far as the files have them, from the outermost."""
    names: list[str] = []
    while len(names) < _MAX_PARENTS:
        domain = metadata.entities.get(urn)
        name = domain.get("domainProperties", "name") if domain else None
        parent = domain.get("domainProperties", "parentDomain") if domain else None
        names.insert(0, name if isinstance(name, str) and name else name_in(urn))
        if not isinstance(parent, str) or not name_in(parent):
            break
        urn = parent
    return names


def _texts(value: object, key: str | None = None) -> list[str]:
    """Returns the texts in a list, or those below a key of the objects in it."""
    elements = value if isinstance(value, list) else []
    if key is not None:
        elements = [element.get(key) for element in elements if isinstance(element, dict)]
    return [element for element in elements if isinstance(element, str)]
