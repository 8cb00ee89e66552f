"""Dashboards and charts as OpenMetadata's JSON."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fastapi import Request

from dashboard_catalog.calls.answer_room import AnswerRoom, CallRoom
from dashboard_catalog.catalog.reading.views import AssetView
from dashboard_catalog.contract.shown import shown_asset
from dashboard_catalog.http.dialect.answers import JsonAnswer, etag_header, href_of, milliseconds, service_type
from dashboard_catalog.http.dialect.message_json import json_of
from dashboard_catalog.http.edge.calls import call_of

OPTIONAL = frozenset({"owners", "charts", "tags", "domains", "extension"})
"""What an asset is answered with only if the caller asks for it."""

_BASE = (
    *("id", "name", "fullyQualifiedName", "displayName", "description", "version", "updatedBy", "deleted", "service"),
    *("serviceType", "sourceUrl", "sourceHash", "changeDescription"),
)
_KEYS: Mapping[str, Sequence[str]] = {
    "dashboard": (*_BASE, "dashboardType", "project", "charts", "owners", "tags", "domains", "extension"),
    "chart": (*_BASE, "chartType", "owners", "tags", "domains", "extension"),
}
_CHART_TYPES = frozenset(
    (
        *("Line", "Table", "Bar", "Area", "Pie", "Histogram", "Scatter", "Text", "BoxPlot", "SanKey", "Gauge", "Map"),
        *("Graph", "Heatmap", "Timeline", "Other"),
    )
)
_MAX_SOURCE_HASH = 32


class AssetAnswers:
    """Makes the answers of one kind of asset.

    Args:
        kind: Name of the kind.
        root: Path of its resource.
        room: Where answers are built.
    """

    def __init__(self, kind: str, root: str, room: AnswerRoom) -> None:
        self._kind = kind
        self._root = root
        self._room = room

    def room_of(self, request: Request) -> CallRoom:
        """Returns the room of one answer."""
        return self._room.of(call_of(request))

    def one(self, request: Request, view: AssetView, only: Collection[str] = OPTIONAL, status: int = 200) -> JsonAnswer:
        """Returns the answer with an asset, and its etag."""
        message = shown_asset(view, None)
        return JsonAnswer(self.item(request, message, only), status, etag_header(message.etag))

    def item(self, request: Request, message: Any, only: Collection[str] = OPTIONAL) -> dict[str, Any]:
        """Returns the JSON of an asset.

        Args:
            request: The request that it answers.
            message: Its message, with all fields that are shown.
            only: Those of `OPTIONAL` that the caller has asked for.
        """
        return _asset_json(self._kind, message, only) | {"href": href_of(request, self._root, message.id)}


def shown_keys(kind: str, only: Collection[str]) -> list[str]:
    """Returns what is answered of a dashboard or a chart, as far as its message has it in the same form.

    Args:
        kind: Name of its kind.
        only: Those of `OPTIONAL` that the caller has asked for.
    """
    return [key for key in _KEYS[kind] if key in only or key not in OPTIONAL]


def _asset_json(kind: str, message: Any, only: Collection[str]) -> dict[str, Any]:
    keys = shown_keys(kind, only)
    # OpenMetadata too answers with an empty list where there is nothing of what was asked for.
    whole = dict.fromkeys(OPTIONAL, ()) | {"extension": {}} | json_of(message, keys)
    answer = {key: whole[key] for key in keys if key in whole}
    answer["deleted"] = message.deleted
    answer["updatedAt"] = milliseconds(message.updated_at)
    if "serviceType" in answer:
        answer["serviceType"] = service_type(answer["serviceType"])
    if answer.get("chartType", "Other") not in _CHART_TYPES:
        answer["chartType"] = "Other"
    if len(answer.get("sourceHash", "")) > _MAX_SOURCE_HASH:
        del answer["sourceHash"]
    for key in ("owners", "domains", "charts"):
        if key in answer:
            # Clients need the id and the type. What is hidden has no id here, and what has been removed has no type.
            answer[key] = [reference for reference in answer[key] if {"id", "type"} <= reference.keys()]
    return answer
