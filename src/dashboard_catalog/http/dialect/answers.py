"""From the messages of the contract to OpenMetadata's JSON.

The models of OpenMetadata's clients refuse every key that they do not know, in references and labels too. So answers
are made of listed keys, and values of closed lists are replaced by the one that means "another".
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict

from dashboard_catalog.contract.wire import from_timestamp

OPTIONAL = frozenset({"owners", "charts", "dashboards", "tags", "domains", "extension"})
"""What an asset is answered with only if the caller asks for it."""

EVERYTHING = OPTIONAL

_BASE = (
    *("id", "name", "fullyQualifiedName", "displayName", "description", "version", "updatedBy", "deleted", "service"),
    *("serviceType", "sourceUrl", "sourceHash", "changeDescription"),
)
_KEYS: Mapping[str, Sequence[str]] = {
    "dashboard": (*_BASE, "dashboardType", "project", "charts", "owners", "tags", "domains", "extension"),
    "chart": (*_BASE, "chartType", "owners", "tags", "domains", "extension"),
}
_SERVICE_TYPES = frozenset(
    (
        *("Superset", "Looker", "Tableau", "Redash", "Metabase", "PowerBI", "PowerBIReportServer", "Mode"),
        *("CustomDashboard", "DomoDashboard", "QuickSight", "QlikSense", "Lightdash", "MicroStrategy", "QlikCloud"),
        *("Sigma", "ThoughtSpot", "Grafana", "Hex", "Ssrs", "SapS4Hana", "Omni"),
    )
)
_CHART_TYPES = frozenset(
    (
        *("Line", "Table", "Bar", "Area", "Pie", "Histogram", "Scatter", "Text", "BoxPlot", "SanKey", "Gauge", "Map"),
        *("Graph", "Heatmap", "Timeline", "Other"),
    )
)
_MAX_SOURCE_HASH = 32


def asset_answer(kind: str, message: Any, only: Collection[str] = EVERYTHING) -> dict[str, Any]:
    """Returns what is answered of a dashboard or a chart.

    Args:
        kind: Name of its kind.
        message: Its message, with all fields.
        only: Those of `OPTIONAL` that the caller has asked for.
    """
    sent = MessageToDict(message)
    # As OpenMetadata, which answers with an empty list where there is nothing of what was asked for.
    whole = dict.fromkeys(OPTIONAL, ()) | {"extension": {}} | sent
    answer = {key: whole[key] for key in shown_keys(kind, only) if key in whole}
    answer["deleted"] = message.deleted
    answer["updatedAt"] = milliseconds(message.updated_at)
    if (type_ := answer.get("serviceType")) is not None:
        answer["serviceType"] = service_type(type_)
    if answer.get("chartType", "Other") not in _CHART_TYPES:
        answer["chartType"] = "Other"
    if len(answer.get("sourceHash", "")) > _MAX_SOURCE_HASH:
        del answer["sourceHash"]
    for key in ("owners", "domains", "charts"):
        if key in answer:
            # Of what is hidden there is no id, and of what has been removed no type. A client needs both.
            answer[key] = [reference for reference in answer[key] if {"id", "type"} <= reference.keys()]
    return answer


def shown_keys(kind: str, only: Collection[str] = EVERYTHING) -> list[str]:
    """Returns what is answered of a dashboard or a chart, as far as its message has it in the same form.

    Args:
        kind: Name of its kind.
        only: Those of `OPTIONAL` that the caller has asked for.
    """
    return [key for key in _KEYS[kind] if key in only or key not in OPTIONAL]


def service_type(type_: str) -> str:
    """Returns a type of a BI service as OpenMetadata's clients know it."""
    return type_ if type_ in _SERVICE_TYPES else "CustomDashboard"


def milliseconds(timestamp: Any) -> int:
    """Returns a timestamp in milliseconds since 1970."""
    return int(from_timestamp(timestamp).timestamp() * 1_000)
