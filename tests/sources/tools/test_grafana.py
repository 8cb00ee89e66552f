"""Reads dashboards of Grafana from files: all forms of the model, with names as OpenMetadata's connector gives."""

import json
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.sources.files.trees import tree_at
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools.grafana.grafana_files import GrafanaFiles
from dashboard_catalog.sources.tools.grafana.panels import CHART_TYPES
from dashboard_catalog.sources.wishes import Wishes

DOCUMENT = Path(__file__).parents[3] / "docs" / "sources.md"
WISHES = Wishes(service="prod.grafana")
EXPORT = {
    "__inputs": [{"name": "DS_PROMETHEUS", "type": "datasource"}],
    "__elements": {"lib1": {"uid": "lib1", "name": "Shared", "model": {"type": "piechart", "description": "of all"}}},
    "annotations": {"list": []},
    "description": "How the ovens do",
    "editable": True,
    "panels": [
        {"id": 1, "type": "row", "title": "Heat", "collapsed": False, "panels": []},
        {"id": 2, "type": "timeseries", "title": "Temperature", "description": "In °C", "targets": [{"expr": "x"}]},
        {
            "id": 3,
            "type": "row",
            "title": "Hidden",
            "collapsed": True,
            "panels": [{"id": 5, "type": "stat", "title": "Doors"}, {"id": 6, "type": "text"}],
        },
        {"id": 4, "type": "our-own-panel", "title": "Smoke"},
        {"id": 7, "gridPos": {"h": 1}, "libraryPanel": {"uid": "lib1", "name": "Shared"}},
        {"id": 8, "libraryPanel": {"uid": "lib2", "name": "Elsewhere"}},
    ],
    "schemaVersion": 39,
    "tags": ["Bakery", "v1.2", "Bakery", "bad::tag"],
    "templating": {"list": []},
    "title": "Ovens",
    "uid": "ovens",
    "version": 3,
}


def write(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def items(path: Path, wishes: Wishes = WISHES) -> list[Found]:
    tree = tree_at(path)
    assert GrafanaFiles().recognizes(tree)
    return list(GrafanaFiles().items(tree, wishes))


def bodies(found: list[Found], kind: Kind) -> list[Any]:
    assert [item for item in found if isinstance(item, BadItem) or convert(item.kind, item.body).problems] == []
    return [item.body for item in found if item.kind is kind]


def test_an_export(tmp_path: Path) -> None:
    found = items(write(tmp_path / "ovens.json", EXPORT))
    assert [item.kind for item in found] == [
        Kind.BI_SERVICE,
        *[Kind.CHART] * 6,
        Kind.DASHBOARD,
        Kind.CLASSIFICATION,
        *[Kind.TAG] * 2,
    ]
    assert bodies(found, Kind.BI_SERVICE) == [{"name": "prod.grafana", "serviceType": "Grafana"}]
    assert bodies(found, Kind.TAG)[1] == {"name": "v1.2", "classification": "GrafanaTags"}
    charts = bodies(found, Kind.CHART)
    assert charts[0] == {
        "name": "ovens_2",
        "service": '"prod.grafana"',
        "displayName": "Temperature",
        "description": "In °C",
        "chartType": "Line",
    }
    assert [(chart["name"], chart["displayName"], chart["chartType"]) for chart in charts[1:]] == [
        ("ovens_5", "Doors", "Text"),
        ("ovens_6", "Panel 6", "Text"),
        ("ovens_4", "Smoke", "Other"),
        ("ovens_7", "Shared", "Pie"),
        ("ovens_8", "Elsewhere", "Other"),
    ]
    assert charts[4]["description"] == "of all"
    assert bodies(found, Kind.DASHBOARD) == [
        {
            "name": "ovens",
            "service": '"prod.grafana"',
            "displayName": "Ovens",
            "description": "How the ovens do",
            "tags": [
                {"tagFQN": "GrafanaTags.Bakery", "labelType": "Automated"},
                {"tagFQN": 'GrafanaTags."v1.2"', "labelType": "Automated"},
            ],
            "charts": [f'"prod.grafana".ovens_{panel}' for panel in (2, 5, 6, 4, 7, 8)],
        }
    ]
    _, chart, *_, ovens, _, _, _ = [item for item in found if isinstance(item, FoundItem)]
    assert Counter(ovens.dropped)["dashboard.tags (that cannot be names)"] == 1
    assert {"dashboard.__inputs", "dashboard.version"} < set(ovens.dropped)
    assert (chart.place, chart.dropped) == ("ovens.json, panel 2", ("chart.targets",))


@pytest.mark.parametrize(
    ("value", "name", "project"),
    [
        (
            {"dashboard": EXPORT, "meta": {"folderTitle": "Bread", "folderUid": "b", "url": "/d/ovens"}},
            "ovens",
            "Bread",
        ),
        ({"dashboard": EXPORT, "meta": {"folderTitle": "General", "folderUid": ""}}, "ovens", "team/sub"),
        ([EXPORT], "ovens", "team/sub"),
        (
            {"apiVersion": "dashboard.grafana.app/v1beta1", "kind": "DashboardList", "items": [EXPORT]},
            "ovens",
            "team/sub",
        ),
        (
            {
                "apiVersion": "dashboard.grafana.app/v1beta1",
                "kind": "Dashboard",
                "metadata": {"name": "renamed"},
                "spec": {key: value for key, value in EXPORT.items() if key != "uid"},
            },
            "renamed",
            "team/sub",
        ),
        ({**EXPORT, "uid": None}, "team/sub/x", "team/sub"),
        ({**EXPORT, "uid": 7}, "7", "team/sub"),
    ],
)
def test_the_same_model_in_other_forms(tmp_path: Path, value: Any, name: str, project: str) -> None:
    write(tmp_path / "all/team/sub/x.json", value)
    write(tmp_path / "all/package.json", {"name": "not a dashboard"})
    found = items(tmp_path / "all")
    [dashboard] = bodies(found, Kind.DASHBOARD)
    assert (dashboard["name"], dashboard["project"]) == (name, project)
    assert dashboard["charts"][0] == f'"prod.grafana".{name}_2'
    assert len(bodies(found, Kind.CHART)) == 6
    assert "sourceUrl" not in dashboard


def test_older_and_newer_schemas(tmp_path: Path) -> None:
    rows = {
        "title": "Old",
        "uid": "old",
        "schemaVersion": 14,
        "rows": [
            {"title": "Row", "panels": [{"id": 1, "type": "graph", "title": "a"}, {"id": 2, "type": "singlestat"}]},
            {"panels": [{"id": 2, "type": "table"}, {"type": "gauge"}, {"id": 9, "type": "heatmap"}]},
        ],
    }
    elements = {
        "apiVersion": "dashboard.grafana.app/v2beta1",
        "kind": "Dashboard",
        "metadata": {"name": "new"},
        "spec": {
            "title": "New",
            "elements": {
                "panel-1": {"kind": "Panel", "spec": {"id": 1, "title": "b", "vizConfig": {"group": "barchart"}}},
                "panel-4": {"kind": "Panel", "spec": {"id": 4, "vizConfig": {"kind": "gauge", "spec": {}}}},
                "panel-5": {"kind": "LibraryPanel", "spec": {"id": 5, "libraryPanel": {"uid": "x", "name": "c"}}},
            },
            "layout": {"kind": "GridLayout"},
        },
    }
    write(tmp_path / "new.json", elements)
    write(tmp_path / "old.json", rows)
    charts = bodies(items(tmp_path), Kind.CHART)
    assert [(chart["name"], chart["displayName"], chart["chartType"]) for chart in charts] == [
        ("new_1", "b", "Bar"),
        ("new_4", "Panel 4", "Gauge"),
        ("new_5", "c", "Other"),
        ("old_1", "a", "Line"),
        ("old_2", "Panel 2", "Text"),
        # Grafana gives the next free id to a panel that has none, or that of another one.
        ("old_10", "Panel 10", "Table"),
        ("old_11", "Panel 11", "Gauge"),
        ("old_9", "Panel 9", "Heatmap"),
    ]


def test_an_archive_with_files_that_cannot_be_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a/good.json", json.dumps(EXPORT))
        archive.writestr("b/cut.json", '{"panels": [')
        archive.writestr("c/odd.json", json.dumps({**EXPORT, "uid": "odd", "panels": [1, {"id": 2, "panels": {}}]}))
        archive.writestr("notes.txt", "[")
    found = items(tmp_path / "all.zip")
    assert [item for item in found if isinstance(item, BadItem)] == [
        BadItem("b/cut.json", "is not JSON: Expecting value at line 1, column 13"),
        BadItem("c/odd.json", "has a panel that cannot be read: panels 1 is not an object"),
        BadItem("c/odd.json", "has a panel that cannot be read: panels is not a list"),
    ]
    assert [item.body["name"] for item in found if item.kind is Kind.DASHBOARD and item.body] == ["ovens", "odd"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", EXPORT)
    with pytest.raises(SourceError, match="give --service NAME"):
        items(path, Wishes())
    with pytest.raises(SourceError, match=r"b.json has no dashboard of Grafana"):
        list(
            GrafanaFiles().items(
                tree_at(write(tmp_path / "b.json", {"type": "row", "title": "x", "panels": []})), WISHES
            )
        )
    from_pipe = tree_at(write(tmp_path / "c", {**EXPORT, "uid": ""}), "-")
    _, found = GrafanaFiles().items(from_pipe, WISHES)
    assert found == BadItem("-", "has no uid; in a file, the name of the file stands for it")


@pytest.mark.parametrize(
    "value",
    [
        {"dashboard": {"name": "n", "service": "s", "charts": []}},
        {"entity": {"user": {"name": "u"}}},
        {"entityType": "dashboard", "aspectName": "dashboardInfo", "entityUrn": "urn:li:dashboard:(grafana,x)"},
        {"dashboard_title": "Sales", "slices": [], "position_json": "{}"},
        {"name": "not a dashboard"},
    ],
)
def test_files_of_others_are_not_recognized(tmp_path: Path, value: Any) -> None:
    assert not GrafanaFiles().recognizes(tree_at(write(tmp_path / "x.json", value)))


def test_the_document_has_the_types_of_charts() -> None:
    section = DOCUMENT.read_text().partition("\n## Grafana\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*`) \| `(\w+)` \|$", section, re.MULTILINE)
    assert {panel: chart for panels, chart in rows for panel in re.findall(r"`([\w-]+)`", panels)} == CHART_TYPES
