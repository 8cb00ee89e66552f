"""Asks a Superset server: logs in, reads lists to their end, and misses nothing that changes meanwhile."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools import server_named
from dashboard_catalog.sources.tools.superset import session as superset_session
from dashboard_catalog.sources.tools.superset.superset_server import SupersetServer
from dashboard_catalog.sources.wishes import Wishes
from tests.sources.servers.fake_tool import Answer, FakeTool, Request, running_tool

_ANN = {"id": 1, "first_name": "Ann", "last_name": "Lee", "email": "ann.lee@city.example"}
_WEEKLY = {"id": 9, "name": "weekly", "type": 1}
_IMPLIED = {"id": 1, "name": "owner:1", "type": 3}


class Superset:
    """What a server holds, and how it answers. A list shows two objects per page, however many are asked for."""

    def __init__(self) -> None:
        self.lists: dict[str, list[dict[str, Any]]] = {
            "chart": [
                _chart(17, "By hour", dashboards=[{"id": 8}], tags=[_WEEKLY, _IMPLIED], description="Per hour"),
                _chart(12, "On the map", viz_type="deck_scatter", owners=[_ANN, {"id": 2, "first_name": "Li"}]),
                _chart(4, "Total", dashboards=[{"id": 8}], viz_type="big_number_total"),
            ],
            "dashboard": [_dashboard(8, "Bike rentals", tags=[_WEEKLY], owners=[_ANN]), _dashboard(9, "Empty")],
            "tag": [{**_WEEKLY, "description": "Every Monday"}, _IMPLIED],
        }
        layout = '{"CHART-a": {"type": "CHART", "meta": {"chartId": 12}}}'
        self.shown: dict[str, Answer] = {
            "8": Answer({"result": {"id": 8, "dashboard_title": "Bike rentals", "css": "", "position_json": layout}}),
            "9": Answer({"result": {"id": 9, "dashboard_title": "Empty", "position_json": None}}),
        }
        self.before_page = {"chart": self._nothing, "dashboard": self._nothing, "tag": self._nothing}

    def answer(self, request: Request) -> Answer:
        path = request.path.removeprefix("/bi/api/v1/")
        if path == "security/login":
            return Answer({"access_token": "t"}, 200 if request.content["password"] == "p" else 401)
        assert request.headers["authorization"] == "Bearer t"
        resource, _, rest = path.partition("/")
        if rest:
            return self.shown[rest]
        [page] = re.findall(r"^\(page:(\d+),page_size:100\)$", request.query["q"])
        self.before_page[resource](int(page))
        objects = self.lists[resource]
        return Answer({"count": len(objects), "result": objects[int(page) * 2 :][:2]})

    def _nothing(self, page: int) -> None:
        pass


@pytest.fixture
def superset() -> Superset:
    return Superset()


@pytest.fixture
def tool(superset: Superset, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTool]:
    monkeypatch.setenv("SUPERSET_USERNAME", "reader")
    monkeypatch.setenv("SUPERSET_PASSWORD", "p")
    with running_tool() as tool:
        tool.answer = superset.answer
        yield tool


def test_reads_a_server(tool: FakeTool) -> None:
    items = [item for item in _read(tool) if isinstance(item, FoundItem)]
    found = {(item.kind, item.body["name"]): item for item in items}
    assert tool.requests[0].content == {"username": "reader", "password": "p", "provider": "db", "refresh": False}
    service = {"name": "bi", "serviceType": "Superset", "sourceUrl": f"{tool.url}/bi"}
    assert found[Kind.BI_SERVICE, "bi"].body == service
    assert found[Kind.CHART, "17"].body == {
        "name": "17",
        "service": "bi",
        "displayName": "By hour",
        "description": "Per hour",
        "chartType": "Bar",
        "sourceUrl": f"{tool.url}/bi/explore/?slice_id=17",
        "tags": [{"tagFQN": "SupersetTags.weekly", "labelType": "Automated"}],
    }
    assert found[Kind.CHART, "17"].dropped == ("chart.params",)
    assert found[Kind.CHART, "12"].body["owners"] == [{"type": "user", "name": "ann.lee"}]
    assert found[Kind.CHART, "12"].dropped[-1] == "chart.owners (without an e-mail address)"
    assert found[Kind.DASHBOARD, "8"].body == {
        "name": "8",
        "service": "bi",
        "displayName": "Bike rentals",
        "sourceUrl": f"{tool.url}/bi/superset/dashboard/8/",
        "owners": [{"type": "user", "name": "ann.lee"}],
        "charts": ["bi.12", "bi.4", "bi.17"],
        "tags": [{"tagFQN": "SupersetTags.weekly", "labelType": "Automated"}],
    }
    assert found[Kind.DASHBOARD, "8"].dropped == ("dashboard.published",)
    tag = {"name": "weekly", "classification": "SupersetTags", "description": "Every Monday"}
    assert found[Kind.TAG, "weekly"].body == tag
    assert len(found) == 8
    for item in found.values():
        conversion = convert(item.kind, item.body)
        assert (conversion.problems, conversion.dropped) == ([], [])


def test_misses_nothing_that_moves_while_a_list_is_read(superset: Superset, tool: FakeTool) -> None:
    charts, dashboards = superset.lists["chart"], superset.lists["dashboard"]
    dashboards.append(_dashboard(10, "Last"))
    superset.shown["10"] = Answer({"result": {}})

    def delete_what_was_read(page: int) -> None:
        if page == 1 and charts[0]["id"] == 17:
            del charts[0]

    def change_what_comes_next(page: int) -> None:
        if page == 1 and dashboards[0]["id"] == 8:
            dashboards.insert(0, dashboards.pop())

    superset.before_page |= {"chart": delete_what_was_read, "dashboard": change_what_comes_next}
    found = [(item.kind, (item.body or {})["name"]) for item in _read(tool)]
    assert {name for kind, name in found if kind is Kind.CHART} == {"17", "12", "4"}
    assert sorted(name for kind, name in found if kind is Kind.DASHBOARD) == ["10", "8", "9"]


def test_says_if_a_list_never_stays_still(superset: Superset, tool: FakeTool) -> None:
    superset.before_page["chart"] = lambda page: superset.lists["chart"].extend([] if page else [_chart(4, "Again")])
    [problem] = [item for item in _read(tool) if isinstance(item, BadItem)]
    assert problem.place == "the list of charts"
    assert "has 6 objects, of which 3 were found" in problem.problem


def test_one_dashboard_does_not_spoil_the_others(superset: Superset, tool: FakeTool) -> None:
    superset.shown |= {"8": Answer(status=403), "9": Answer({"result": {"position_json": "{"}})}
    superset.lists["dashboard"].append(_dashboard(10, "Deleted meanwhile"))
    superset.shown["10"] = Answer(status=404)
    items = _read(tool)
    problems = {item.place: item.problem for item in items if isinstance(item, BadItem)}
    assert set(problems) == {"dashboard 8", "dashboard 9"}
    assert problems["dashboard 8"].startswith("cannot be read: ")
    assert problems["dashboard 9"].startswith("has a position_json that is not JSON")
    assert all(isinstance(item, BadItem) for item in items if item.kind is Kind.DASHBOARD)
    assert len([item for item in items if item.kind is Kind.CHART]) == 3


def test_does_without_the_list_of_tags(superset: Superset, tool: FakeTool) -> None:
    answer = superset.answer
    tool.answer = lambda request: Answer(status=403) if request.path.endswith("/tag/") else answer(request)
    [tag] = [item for item in _read(tool) if item.kind is Kind.TAG]
    assert tag.body == {"name": "weekly", "classification": "SupersetTags"}


def test_logs_in_again_before_the_token_expires(tool: FakeTool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superset_session, "_TOKEN_SECONDS", 0)
    monkeypatch.setenv("SUPERSET_PROVIDER", "ldap")
    _read(tool)
    logins = [request for request in tool.requests if request.path.endswith("login")]
    assert len(logins) * 2 == len(tool.requests)
    assert logins[-1].content["provider"] == "ldap"


@pytest.mark.parametrize(
    ("path", "content", "error"),
    [
        ("login", {}, "answers the login without a token"),
        ("chart/", {"result": [{"id": "x"}], "count": 1}, "does not answer chart with a count and a list"),
        ("chart/", [], "does not answer chart/ with an object"),
    ],
)
def test_refuses_what_is_not_superset(
    superset: Superset, tool: FakeTool, path: str, content: object, error: str
) -> None:
    tool.answer = lambda request: Answer(content) if request.path.endswith(path) else superset.answer(request)
    with pytest.raises(SourceError, match=error):
        _read(tool)


def test_refuses_in_one_line(tool: FakeTool, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="give --service NAME"):
        _read(tool, service=None)
    monkeypatch.setenv("SUPERSET_PASSWORD", "wrong")
    with pytest.raises(SourceError, match="check SUPERSET_USERNAME and SUPERSET_PASSWORD") as refused:
        _read(tool)
    assert "wrong" not in str(refused.value)
    monkeypatch.delenv("SUPERSET_PASSWORD")
    with pytest.raises(SourceError, match="set the environment variable SUPERSET_PASSWORD"):
        _read(tool)


def _read(tool: FakeTool, service: str | None = "bi") -> list[Found]:
    assert isinstance(server_named("superset"), SupersetServer)
    return list(SupersetServer(sleep=tool.sleep).items(f"{tool.url}/bi/", Wishes(service=service)))


def _chart(number: int, title: str, **more: Any) -> dict[str, Any]:
    chart = {
        "id": number,
        "slice_name": title,
        "viz_type": "echarts_timeseries_bar",
        "description": None,
        "url": f"/explore/?slice_id={number}",
        "params": "{}",
        "changed_on_utc": "2026-11-29T03:48:02+0000",
        "dashboards": [],
        "owners": [],
        "tags": [],
    }
    return chart | more


def _dashboard(number: int, title: str, **more: Any) -> dict[str, Any]:
    url = f"/superset/dashboard/{number}/"
    listed = {"id": number, "dashboard_title": title, "published": True, "url": url, "owners": [], "tags": []}
    return listed | more
