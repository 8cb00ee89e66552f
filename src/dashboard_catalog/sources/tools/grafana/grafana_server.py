"""Grafana itself, asked over its HTTP API.

Lists the dashboards page by page, then asks for each: only the dashboard that is being read is in memory. The list is
read to its end first, since its pages shift when a dashboard is deleted, and one that is missed may be swept.
"""

import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlsplit

from dashboard_catalog.sources.items.found import Found
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.servers.live import AnswerError, LiveClient
from dashboard_catalog.sources.servers.secret_values import credential
from dashboard_catalog.sources.tools.grafana.grafana_items import GrafanaItems, Placed
from dashboard_catalog.sources.tools.grafana.models import GrafanaDashboard, Object, dashboards_in, is_object, text_in
from dashboard_catalog.sources.urls import without_query
from dashboard_catalog.sources.wishes import Wishes

TOKEN = "GRAFANA_TOKEN"

_PAGE_SIZE = 500
_BEARER = "bearer "
_PATH = re.compile(r"/d/[^/]")


class GrafanaServer:
    """The tool.

    Args:
        sleep: Waits before a request is sent again.
    """

    name = "grafana"

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def items(self, url: str, wishes: Wishes) -> Iterator[Found]:
        """Yields the BI service, the charts of each dashboard and itself, and the tags.

        A dashboard that cannot be read, such as one that has just been deleted, is an item with a problem.
        """
        with LiveClient("Grafana", url, TOKEN, sleep=self._sleep) as client:
            items = GrafanaItems(wishes, client.url)
            token = credential(TOKEN, "a service account token of Grafana", wishes.prompt)
            token = token[len(_BEARER) :].lstrip() if token.lower().startswith(_BEARER) else token
            client.send_with({"Authorization": f"Bearer {token}"})
            yield from _Reading(client, items).items()


class _Reading:
    """One pass over a Grafana."""

    def __init__(self, client: LiveClient, items: GrafanaItems) -> None:
        self._client = client
        self._items = items
        self._folders: dict[str, Object] = {}
        self._library: dict[str, Object | None] = {}

    def items(self) -> Iterator[Found]:
        yield self._items.bi_service("Grafana")
        self._folders = dict(self._search("dash-folder"))
        for uid in [uid for uid, _ in self._search("dash-db")]:
            place = f"dashboard {uid}"
            try:
                placed = self._dashboard(place, uid)
            except AnswerError as error:
                yield self._items.failed(place, uid, str(error))
            else:
                yield from self._items.of(placed, self._library_panel)
        yield from self._items.tags("Grafana")

    def _search(self, kind: str) -> Iterator[tuple[str, Object]]:
        """Yields what Grafana finds, with its uid, until a page has nothing new."""
        seen: set[str] = set()
        page = 1
        while True:
            found = self._client.get("api/search", {"type": kind, "limit": _PAGE_SIZE, "page": page})
            if not isinstance(found, list):
                raise SourceError(f"{self._client.url}/api/search is not answered with a list: is this Grafana?")
            new = {uid: one for one in found if (uid := text_in(one, "uid")) and uid not in seen}
            yield from new.items()
            seen |= new.keys()
            if not new:
                return
            page += 1

    def _dashboard(self, place: str, uid: str) -> Placed:
        answer = self._client.get(f"api/dashboards/uid/{quote(uid, safe='')}")
        dashboard = next(dashboards_in(answer), None)
        if dashboard is None:
            raise AnswerError("the answer has no dashboard")
        return Placed(place, uid, dashboard, self._project(dashboard), self._url(uid, dashboard.path))

    def _url(self, uid: str, path: str | None) -> str:
        """Returns the address of a dashboard. Grafana's path includes that of its own address, if it knows that."""
        own = urlsplit(self._client.url).path
        path = without_query(path or "").removeprefix(own)
        return self._client.url + (path if _PATH.match(path) else f"/d/{quote(uid, safe='')}")

    def _project(self, dashboard: GrafanaDashboard) -> str | None:
        """Returns the folder with the folders that it is in, from the outermost on."""
        titles: list[str] = []
        seen: set[str] = set()
        uid = dashboard.folder_uid
        while uid and uid not in seen and (folder := self._folders.get(uid)):
            seen.add(uid)
            titles.append(text_in(folder, "title") or uid)
            uid = text_in(folder, "folderUid")
        return "/".join(reversed(titles)) or dashboard.folder

    def _library_panel(self, uid: str) -> Object | None:
        if uid not in self._library:
            try:
                answer = self._client.get(f"api/library-elements/{quote(uid, safe='')}")
            except AnswerError:
                # The dashboard has the name of the panel, at least.
                answer = None
            result = answer.get("result") if is_object(answer) else None
            model = result.get("model") if is_object(result) else None
            self._library[uid] = model if is_object(model) else None
        return self._library[uid]
