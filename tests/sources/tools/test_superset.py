"""Reads exports of Superset: names, charts in the order of the page, tags, and what is not kept."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from dashboard_catalog.sources.files.trees import tree_at
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools import FORMATS
from dashboard_catalog.sources.tools.superset.charts import chart_type
from dashboard_catalog.sources.tools.superset.superset_export import SupersetExport
from dashboard_catalog.sources.wishes import Wishes

_METADATA = "version: 1.0.0\ntype: Dashboard\ntimestamp: '2026-11-28T13:19:43+00:00'\n"
_RENTALS = """\
dashboard_title: Bike rentals
description: How many, and **where**.
css: null
slug: rentals
published: false
uuid: 5d1f5cd1-0000-4000-8000-000000000001
position:
  DASHBOARD_VERSION_KEY: v2
  CHART-a: {type: CHART, id: CHART-a, children: [], meta: {chartId: 12, uuid: 5d1f5cd1-0000-4000-8000-000000000012}}
  CHART-b: {type: CHART, id: CHART-b, children: [], meta: {chartId: 3, uuid: 5d1f5cd1-0000-4000-8000-000000000017}}
  CHART-c: {type: CHART, id: CHART-c, children: [], meta: {chartId: 99}}
  CHART-d: {type: CHART, id: CHART-d, children: [], meta: {chartId: 12}}
  CHART-e: {type: CHART, id: CHART-e, children: [], meta: {chartId: 4}}
  CHART-g: {type: CHART, id: CHART-g, children: [], meta: {chartId: 31}}
  CHART-h: {type: CHART, id: CHART-h, children: [], meta: {chartId: 22}}
  CHART-i: {type: CHART, id: CHART-i, children: [], meta: {chartId: 57}}
  CHART-f: {type: CHART, id: CHART-f, children: [], meta: {}}
  ROOT_ID: {type: ROOT, id: ROOT_ID, children: [GRID_ID, ROOT_ID]}
  GRID_ID: {type: GRID, id: GRID_ID, children: [ROW-1, ROW-N-x]}
  ROW-1: {type: ROW, id: ROW-1, children: [CHART-b, MISSING, CHART-a, CHART-f]}
  ROW-N-x: {type: ROW, id: ROW-N-x, children: [CHART-c, CHART-e, CHART-d, CHART-g, CHART-h, CHART-i]}
metadata: {color_scheme: supersetColors}
theme_uuid: null
version: 1.0.0
tags: [weekly, city.bikes, "a::b"]
"""
_BY_HOUR = """\
slice_name: By hour
description: Rentals per hour
certified_by: Ann
viz_type: echarts_timeseries_bar
params: {groupby: [hour]}
cache_timeout: null
uuid: 5d1f5cd1-0000-4000-8000-000000000017
version: 1.0.0
tags: [weekly]
"""
_ON_MAP = "slice_name: On the map\nviz_type: deck_scatter\nuuid: 5d1f5cd1-0000-4000-8000-000000000012\n"
_TAGS = "tags:\n- {tag_name: weekly, description: Every Monday}\n- {tag_name: unused, description: null}\n"
_EXPORT = {
    "metadata.yaml": _METADATA,
    "dashboards/Bike_rentals_8.yaml": _RENTALS,
    # The title has no letters that a file's name may have.
    "charts/17.yaml": _BY_HOUR,
    "charts/On_the_map_2026_12.yaml": _ON_MAP,
    "datasets/city/rentals_1.yaml": "!!nothing",
    "tags.yaml": _TAGS,
}


def test_reads_an_export(tmp_path: Path) -> None:
    items = [item for item in _read(tmp_path, _EXPORT, service="my.bi") if isinstance(item, FoundItem)]
    found = {(item.kind, item.body["name"]): item for item in items}
    assert found[Kind.BI_SERVICE, "my.bi"].body == {"name": "my.bi", "serviceType": "Superset"}
    rentals = found[Kind.DASHBOARD, "8"]
    assert rentals.place == "export/dashboards/Bike_rentals_8.yaml"
    assert rentals.body == {
        "name": "8",
        "service": '"my.bi"',
        "displayName": "Bike rentals",
        "description": "How many, and **where**.",
        "charts": [f'"my.bi".{number}' for number in (17, 12, 4, 22, 31, 57, 99)],
        "tags": [_label("SupersetTags.weekly"), _label('SupersetTags."city.bikes"')],
    }
    assert rentals.dropped == (
        "dashboard.slug",
        "dashboard.published",
        "dashboard.metadata",
        "dashboard.tags (that cannot be names)",
    )
    assert found[Kind.CHART, "17"].body == {
        "name": "17",
        "service": '"my.bi"',
        "displayName": "By hour",
        "description": "Rentals per hour",
        "chartType": "Bar",
        "tags": [_label("SupersetTags.weekly")],
    }
    assert found[Kind.CHART, "17"].dropped == ("chart.certified_by", "chart.params")
    assert found[Kind.CHART, "12"].body["chartType"] == "Map"
    assert found[Kind.CLASSIFICATION, "SupersetTags"].body == {"name": "SupersetTags"}
    tag = {"name": "weekly", "classification": "SupersetTags", "description": "Every Monday"}
    assert found[Kind.TAG, "weekly"].body == tag
    assert {name for kind, name in found if kind is Kind.TAG} == {"weekly", "unused", "city.bikes"}
    for item in found.values():
        conversion = convert(item.kind, item.body)
        assert (conversion.problems, conversion.dropped) == ([], [])


def test_reads_an_archive_and_a_folder_alike(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, text in _EXPORT.items():
            archive.writestr(f"export/{name}", text)
    tree = tree_at(tmp_path / "x.zip")
    assert [one.name for one in FORMATS if one.recognizes(tree)] == ["superset"]
    items = list(SupersetExport().items(tree, Wishes(service="bi")))
    assert items == list(_read(tmp_path / "folder", _EXPORT))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("slice_name: &a x", "is not YAML that can be read: anchors (&) are not allowed at line 1, column 13"),
        ("[]", "is not an object"),
        ("dashboard_title: x", "is not a chart of Superset: it has no slice_name"),
        ("slice_name: x\ntags: weekly", "has tags that are not a list of names"),
    ],
)
def test_one_broken_file_does_not_spoil_the_others(tmp_path: Path, content: str, problem: str) -> None:
    items = _read(tmp_path, _EXPORT | {"charts/Broken_5.yaml": content})
    body = {"name": "5", "service": "bi"}
    broken = BadItem("export/charts/Broken_5.yaml", problem, Kind.CHART, body)
    assert [item for item in items if isinstance(item, BadItem)] == [broken]
    assert len(items) == 1 + len(_read(tmp_path / "whole", _EXPORT))


def test_says_what_is_wrong_with_an_export(tmp_path: Path) -> None:
    [unnamed] = [
        item for item in _read(tmp_path / "a", _EXPORT | {"charts/x.yaml": _ON_MAP}) if isinstance(item, BadItem)
    ]
    assert "no number at the end of its name" in unnamed.problem
    [tags] = [item for item in _read(tmp_path / "b", _EXPORT | {"tags.yaml": "*x"}) if isinstance(item, BadItem)]
    assert tags.place == "export/tags.yaml"
    with pytest.raises(SourceError, match="give --service NAME"):
        _read(tmp_path / "c", _EXPORT, service=None)
    with pytest.raises(SourceError, match="without dashboards and charts"):
        _read(tmp_path / "d", {"metadata.yaml": _METADATA, "databases/city.yaml": "a: 1"})
    with pytest.raises(SourceError, match="is not an export of Superset"):
        _read(tmp_path / "e", {"charts/x_1.yaml": _ON_MAP})


@pytest.mark.parametrize(
    "files",
    [
        {"metadata.yaml": _METADATA},
        {"metadata.yaml": "name: x", "charts/x_1.yaml": _ON_MAP},
        {"deep/er/metadata.yaml": _METADATA, "deep/er/charts/x_1.yaml": _ON_MAP},
    ],
)
def test_recognizes_nothing_else(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert not SupersetExport().recognizes(tree_at(_written(tmp_path, files)))


@pytest.mark.parametrize(
    ("viz_type", "expected"), [("pivot_table_v2", "Table"), ("deck_arc", "Map"), ("funnel", "Other"), (7, "Other")]
)
def test_knows_chart_types(viz_type: object, expected: str) -> None:
    assert chart_type(viz_type) == expected


def _label(tag: str) -> dict[str, str]:
    return {"tagFQN": tag, "labelType": "Automated"}


def _written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "export" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def _read(folder: Path, files: Mapping[str, str], service: str | None = "bi") -> list[Found]:
    return list(SupersetExport().items(tree_at(_written(folder, files)), Wishes(service=service)))
