"""Asks a Grafana over HTTP: pages, folders, library panels, addresses, and what fails on the way."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools import server_named
from dashboard_catalog.sources.tools.grafana.grafana_server import GrafanaServer
from dashboard_catalog.sources.wishes import Wishes
from tests.sources.servers.fake_tool import Answer, FakeTool, Request, running_tool

WISHES = Wishes(service="grafana")


class FakeGrafana:
    """A Grafana at a path of a server, which finds two dashboards per page."""

    def __init__(self, tool: FakeTool) -> None:
        self.tool = tool
        self.url = f"{tool.url}/metrics"
        self.folders: list[dict[str, Any]] = [
            {"uid": "sub", "title": "Sub", "folderUid": "top"},
            {"uid": "top", "title": "Top"},
            {"uid": "loop", "title": "Loop", "folderUid": "loop"},
        ]
        self.found = ["d1", "d2", "d3", "d3", "d4"]
        self.answers: dict[str, list[Answer]] = {}
        self.metas: dict[str, dict[str, str]] = {}
        tool.answer = self._answer

    def dashboard(self, uid: str, *panels: Mapping[str, Any], **meta: str) -> Answer:
        model = {"uid": uid, "title": f"Title {uid}", "tags": ["a"], "schemaVersion": 39, "panels": panels}
        return Answer({"dashboard": model, "meta": {"url": f"/metrics/d/{uid}/slug", **meta}})

    def _answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != "Bearer letmein":
            return Answer(status=401)
        path = request.path.removeprefix("/metrics")
        if path in self.answers:
            left = self.answers[path]
            return left.pop(0) if len(left) > 1 else left[0]
        if path == "/api/search":
            page = int(request.query["page"])
            if request.query["type"] == "dash-folder":
                # As versions before pages do.
                return Answer(self.folders, status=200 if page < 9 else 400)
            return Answer([{"uid": uid} for uid in self.found[2 * page - 2 : 2 * page]])
        uid = path.removeprefix("/api/dashboards/uid/")
        return self.dashboard(uid) if uid in self.found else Answer(status=404)


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGrafana]:
    monkeypatch.setenv("GRAFANA_TOKEN", "Bearer letmein\n")
    with running_tool() as tool:
        yield FakeGrafana(tool)


def items(grafana: FakeGrafana, wishes: Wishes = WISHES) -> list[Found]:
    return list(GrafanaServer(grafana.tool.sleep).items(grafana.url, wishes))


def bodies(found: list[Found], kind: Kind) -> dict[str, Any]:
    return {item.body["name"]: item.body for item in found if item.kind is kind and isinstance(item, FoundItem)}


def test_reads_all_pages(grafana: FakeGrafana) -> None:
    library = {"id": 9, "libraryPanel": {"uid": "lib", "name": "Shared"}}
    grafana.answers = {
        "/api/dashboards/uid/d1": [
            grafana.dashboard(
                "d1", {"id": 4, "type": "gauge"}, library, folderUid="sub", folderTitle="Sub", createdBy="jane"
            )
        ],
        "/api/dashboards/uid/d2": [
            grafana.dashboard("d2", library, {"id": 1, "libraryPanel": {"uid": "gone", "name": "Gone"}}, folderUid="?")
        ],
        "/api/dashboards/uid/d3": [
            grafana.dashboard("d3", folderUid="loop", url="https://me:pw@elsewhere.example/d/d3", createdBy="Anonymous")
        ],
        "/api/dashboards/uid/d4": [grafana.dashboard("d4", folderTitle="General", url="/d/d4/slug?orgId=1")],
        "/api/library-elements/lib": [
            Answer({"result": {"uid": "lib", "model": {"type": "piechart", "title": "Of all"}}})
        ],
    }
    found = items(grafana)
    assert not any(isinstance(item, BadItem) for item in found)
    assert found[0].body == {"name": "grafana", "serviceType": "Grafana", "sourceUrl": grafana.url}
    assert [item.kind for item in found].count(Kind.TAG) == 1
    dashboards = bodies(found, Kind.DASHBOARD)
    assert [(name, body.get("project")) for name, body in dashboards.items()] == [
        ("d1", "Top/Sub"),
        ("d2", None),
        ("d3", "Loop"),
        ("d4", None),
    ]
    assert [body["sourceUrl"].removeprefix(grafana.url) for body in dashboards.values()] == [
        "/d/d1/slug",
        "/d/d2/slug",
        "/d/d3",
        "/d/d4/slug",
    ]
    assert [body.get("owners") for body in dashboards.values()] == [
        [{"type": "user", "name": "jane"}],
        None,
        None,
        None,
    ]
    charts = bodies(found, Kind.CHART)
    assert charts["d1_4"]["sourceUrl"] == f"{grafana.url}/d/d1/slug?viewPanel=4"
    assert [(name, body["displayName"], body["chartType"]) for name, body in charts.items()] == [
        ("d1_4", "Panel 4", "Gauge"),
        ("d1_9", "Of all", "Pie"),
        ("d2_9", "Of all", "Pie"),
        ("d2_1", "Gone", "Other"),
    ]
    # Each is asked for once, and the list of dashboards has been read before.
    asked = [path.removeprefix("/metrics/api/") for path in grafana.tool.paths()]
    assert asked.count("library-elements/lib") == asked.count("library-elements/gone") == 1
    assert asked.index("dashboards/uid/d1") > max(at for at, path in enumerate(asked) if path == "search")


def test_a_dashboard_that_fails_does_not_stop_the_others(grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard_catalog.sources.servers.live.MAX_ANSWER_BYTES", 2_000)
    grafana.found = ["gone", "huge", "weak", "odd", "a/../b", "good"]
    grafana.answers = {
        "/api/dashboards/uid/gone": [Answer(status=404)],
        "/api/dashboards/uid/huge": [grafana.dashboard("huge", *[{"id": id} for id in range(1_000)])],
        "/api/dashboards/uid/weak": [Answer(status=500), Answer(status=502), grafana.dashboard("weak")],
        "/api/dashboards/uid/odd": [Answer(["?"])],
    }
    found = items(grafana)
    shown = f"{grafana.url}/api/dashboards/uid/"
    assert [(item.place, item.problem) for item in found if isinstance(item, BadItem)] == [
        ("dashboard gone", f"cannot be read: {shown}gone does not exist at Grafana (status 404)"),
        ("dashboard huge", f"cannot be read: {shown}huge is answered with more than 2,000 bytes"),
        ("dashboard odd", "cannot be read: the answer has no dashboard"),
        ("dashboard a/../b", f"cannot be read: {shown}a%2F..%2Fb does not exist at Grafana (status 404)"),
    ]
    assert list(bodies(found, Kind.DASHBOARD)) == ["weak", "good"]
    assert len(grafana.tool.waits) == 2


@pytest.mark.parametrize(
    ("path", "answer", "text"),
    [
        (
            "/api/search",
            Answer(status=401),
            r"Grafana at .*/metrics does not accept the credentials: check GRAFANA_TOKEN$",
        ),
        ("/api/search", Answer(status=403), r"may not be read with the credentials in GRAFANA_TOKEN \(status 403\)$"),
        ("/api/search", Answer({"a": 1}), r"/metrics/api/search is not answered with a list: is this Grafana\?$"),
        (
            "/api/dashboards/uid/d2",
            Answer(status=302, headers={"Location": "https://elsewhere.example/login?token=letmein"}),
            r"leads to another server, https://elsewhere.example: give that with --url if you trust it$",
        ),
    ],
)
def test_a_server_that_refuses_ends_the_reading(grafana: FakeGrafana, path: str, answer: Answer, text: str) -> None:
    grafana.answers[path] = [answer]
    with pytest.raises(SourceError, match=text) as ended:
        items(grafana)
    assert "letmein" not in str(ended.value)


def test_the_token_comes_from_the_environment_or_a_prompt(
    grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")
    assert len(bodies(items(grafana, Wishes(service="g", prompt=lambda *_, **__: "letmein")), Kind.DASHBOARD)) == 4
    with pytest.raises(SourceError, match="set the environment variable GRAFANA_TOKEN to a service account token"):
        items(grafana)
    with pytest.raises(SourceError, match="give --service NAME"):
        next(iter(server_named("grafana").items(grafana.url, Wishes())))
