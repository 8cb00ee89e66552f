"""Asks a Superset server for the charts, dashboards and tags that the user may see."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from dashboard_catalog.sources.files.json_values import JsonError, values_of
from dashboard_catalog.sources.items.found import BadItem, Found
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.servers.live import AnswerError, LiveClient
from dashboard_catalog.sources.tools.superset.charts import charts_in
from dashboard_catalog.sources.tools.superset.session import (
    PASSWORD,
    USERNAME,
    Answer,
    IncompleteList,
    SupersetSession,
    objects,
)
from dashboard_catalog.sources.tools.superset.superset_items import SupersetItems
from dashboard_catalog.sources.wishes import Wishes

_NOT_FOUND = 404
# How versions of Superset write that a tag is one that people have added. It makes others itself, such as `owner:1`.
_CUSTOM = (1, "TagType.custom", "TagTypes.custom")
# What the API says about the object and not its content, and the layout, of which the charts are kept.
_IGNORED = (
    *("changed_by", "changed_by_name", "changed_on", "changed_on_delta_humanized", "changed_on_dttm", "changed_on_utc"),
    *("created_by", "created_by_name", "created_on_delta_humanized", "last_saved_at", "last_saved_by"),
    *("datasource_name_text", "datasource_type", "datasource_url", "table", "form_data", "description_markeddown"),
    *("edit_url", "slice_url", "thumbnail_url", "is_managed_externally", "status"),
    *("charts", "dashboards", "position_json"),
)


class SupersetServer:
    """Superset, asked over HTTP.

    Args:
        sleep: Waits before a request is sent again.
    """

    name = "superset"

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def items(self, url: str, wishes: Wishes) -> Iterator[Found]:
        """Yields the BI service, the charts, the dashboards and their tags."""
        with LiveClient("Superset", url, f"{USERNAME} and {PASSWORD}", sleep=self._sleep) as client:
            maker = SupersetItems(wishes, _IGNORED, client.url)
            yield from _Reading(SupersetSession(client, wishes), maker).items()


class _Reading:
    """A server, read once."""

    def __init__(self, session: SupersetSession, maker: SupersetItems) -> None:
        self._session = session
        self._maker = maker
        # For each dashboard the charts that say that they are on it, whether or not its layout has them.
        self._charts: dict[int, list[int]] = {}

    def items(self) -> Iterator[Found]:
        yield self._maker.bi_service("Superset")
        yield from self._each("chart", self._chart)
        yield from self._each("dashboard", self._dashboard)
        yield from self._maker.tags("the list of tags", self._descriptions())

    def _each(self, resource: str, read: Callable[[str, Answer], Found | None]) -> Iterator[Found]:
        try:
            for one in self._session.all_of(resource):
                if found := read(f"{resource} {one['id']}", one):
                    yield found
        except IncompleteList as error:
            yield BadItem(f"the list of {resource}s", str(error))

    def _chart(self, place: str, chart: Answer) -> Found:
        number: int = chart["id"]
        for dashboard in objects(chart.get("dashboards")):
            if isinstance(key := dashboard.get("id"), int):
                self._charts.setdefault(key, []).append(number)
        return self._maker.chart(place, number, {**chart, "tags": _custom_tags(chart)})

    def _dashboard(self, place: str, listed: Answer) -> Found | None:
        """Returns a dashboard; None if it has been deleted since it was listed."""
        number: int = listed["id"]
        try:
            [shown] = objects([self._session.get(f"dashboard/{number}").get("result")]) or [{}]
            placed = charts_in(_layout(shown.get("position_json")), lambda meta: meta.get("chartId"))
        except AnswerError as error:
            is_deleted = error.status == _NOT_FOUND
            return None if is_deleted else self._maker.failed(place, Kind.DASHBOARD, number, f"cannot be read: {error}")
        except JsonError as error:
            problem = f"has a position_json that is not JSON: {error}"
            return self._maker.failed(place, Kind.DASHBOARD, number, problem)
        # The list has the owners' addresses, which the dashboard itself lacks.
        charts = placed + sorted(self._charts.get(number, []))
        content = {**shown, **listed, "tags": _custom_tags(listed)}
        return self._maker.dashboard(place, number, content, charts)

    def _descriptions(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        try:
            for tag in self._session.all_of("tag"):
                if _is_custom(tag):
                    found[tag["name"]] = tag.get("description")
        except AnswerError:
            # Not every user may list tags, and they are as good without a description.
            pass
        return found


def _custom_tags(asset: Answer) -> list[str]:
    return [tag["name"] for tag in objects(asset.get("tags")) if _is_custom(tag)]


def _is_custom(tag: Answer) -> bool:
    return tag.get("type") in _CUSTOM and isinstance(tag.get("name"), str) and tag["name"] != ""


def _layout(text: object) -> object:
    """Returns the layout in a text; None if nobody has laid out the dashboard yet."""
    return next(values_of(text.encode()), None) if isinstance(text, str) else None
