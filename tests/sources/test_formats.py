"""All formats: whatever files hold, they give items or one error, and what a tool writes gives items without problems.

The samples are damaged in one place at a time, so that what is damaged is read as far as it goes.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.sources.formats import Format
from dashboard_catalog.sources.items.found import FoundItem
from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools import FORMATS
from dashboard_catalog.sources.wishes import Wishes
from tests.sources.memory_tree import MemoryTree

WISHES = Wishes(service="bi", service_type="Looker")
# Names and texts as tools have them, with what is syntax somewhere.
NAMES = st.text(st.sampled_from("ab.\"',;:%/ é(){}[]|#&*!-\\😀"), min_size=1, max_size=8).filter(str.strip)
TEXTS = NAMES | st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
WRONG: Sequence[Any] = (
    None,
    True,
    -1,
    1e300,
    "",
    "x",
    "::",
    [],
    [None],
    [3, "x", [{}], {}],
    {},
    {"x": {"x": []}},
    {"": 1},
)
Files = dict[str, Any]


def samples(name: str, text: str, other: str) -> Files:
    """Returns files as a tool writes them: values of JSON and YAML, and the rows of tables."""
    match name:
        case "openmetadata":
            chart = {"name": "c", "displayName": text, "chartType": "Line", "chartUrl": "https://x/c"}
            return {
                "service.json": {
                    "type": "superset",
                    "serviceName": "s",
                    "serviceConnection": {"config": {"type": "Superset"}},
                },
                "charts.json": {"charts": [chart]},
                "dashboards.json": {"dashboards": [{"name": "d", "displayName": text, "charts": ["c"]}]},
            }
        case "grafana":
            panel = {"id": 1, "type": "row", "title": text, "panels": [{"id": 2, "type": "graph", "title": other}]}
            model = {"uid": "u", "title": text, "tags": [other], "panels": [panel], "schemaVersion": 39}
            return {
                "a.json": model,
                "folder/b.json": {"dashboard": model | {"uid": "v"}, "meta": {"folderTitle": other}},
            }
        case "superset":
            meta = {"chartId": 3, "uuid": "00000000-0000-4000-8000-000000000003"}
            position = {"ROOT_ID": {"type": "ROOT", "children": ["C"]}, "C": {"type": "CHART", "meta": meta}}
            return {
                "metadata.yaml": {"version": "1.0.0", "type": "Dashboard"},
                "charts/a_3.yaml": {"slice_name": text, "viz_type": "pie", "uuid": meta["uuid"], "tags": [other]},
                "dashboards/b_4.yaml": {"dashboard_title": other, "position": position, "tags": [other]},
                "tags.yaml": {"tags": [{"tag_name": other, "description": text}]},
            }
        case "datahub":
            info = {
                "title": text,
                "charts": ["urn:li:chart:(superset,1)"],
                "chartEdges": [],
                "customProperties": {"a": other},
            }
            aspects: list[Any] = [
                {"x.DashboardInfo": info},
                {"x.GlobalTags": {"tags": [{"tag": f"urn:li:tag:{other}"}]}},
            ]
            snapshot = {"urn": f"urn:li:dashboard:(superset,{other})", "aspects": aspects}
            line = {"title": other, "type": "LINE", "chartUrl": None}
            return {
                "a.json": [
                    {"proposedSnapshot": {"x.DashboardSnapshot": snapshot}},
                    proposal("urn:li:chart:(superset,1)", "chartInfo", line),
                    proposal(
                        "urn:li:chart:(superset,1)",
                        "ownership",
                        {"owners": [{"owner": "urn:li:corpuser:a", "type": "x"}]},
                    ),
                    proposal("urn:li:domain:a", "domainProperties", {"name": other, "parentDomain": None}),
                    proposal("urn:li:chart:(superset,1)", "domains", {"domains": ["urn:li:domain:a"]}),
                ]
            }
        case "csv":
            header = ["name", "Display Name", "owners", "tags", "charts", "extension.x", "note"]
            return {"a.csv": [header, ["a", text, "ann;team:b", "T.a", other, other, text], [other, text]]}
    raise AssertionError(f"there is no sample of {name}")


def proposal(urn: str, aspect: str, value: Any) -> Mapping[str, Any]:
    return {"entityUrn": urn, "changeType": "UPSERT", "aspectName": aspect, "aspect": {"json": value}}


def written(name: str, value: Any) -> bytes:
    if name.endswith(".csv"):
        table = io.StringIO()
        rows = value if isinstance(value, list) else [value]
        csv.writer(table).writerows(row if isinstance(row, list) else [row] for row in rows)
        return table.getvalue().encode()
    if name.endswith(".yaml"):
        return yaml.safe_dump(value, allow_unicode=True, sort_keys=False).encode()
    return json.dumps(value).encode()


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every container in a value with a key or an index of it."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from places(value[key])


def read(known: Format, files: Mapping[str, bytes]) -> None:
    tree = MemoryTree(files)
    with suppress(SourceError):
        for other in FORMATS:
            other.recognizes(tree)
        for item in known.items(tree, WISHES):
            if isinstance(item, FoundItem):
                convert(item.kind, item.body)


EACH_FORMAT = pytest.mark.parametrize("known", FORMATS, ids=[known.name for known in FORMATS])


@EACH_FORMAT
@given(text=TEXTS, other=NAMES)
def test_what_a_tool_writes_gives_items_without_problems(known: Format, text: str, other: str) -> None:
    tree = MemoryTree({name: written(name, value) for name, value in samples(known.name, text, other).items()})
    assert next(one for one in FORMATS if one.recognizes(tree)) is known
    items = list(known.items(tree, WISHES))
    for item in items:
        assert isinstance(item, FoundItem)
        assert convert(item.kind, item.body).problems == []
    assert Kind.DASHBOARD in {item.kind for item in items}


@EACH_FORMAT
def test_what_is_damaged_in_one_place_gives_items_or_one_error(known: Format) -> None:
    files = samples(known.name, "text", "other")
    contents = {name: written(name, value) for name, value in files.items()}
    for name, value in files.items():
        for container, key in list(places(value)):
            right = container[key]
            for wrong in WRONG:
                container[key] = wrong
                read(known, contents | {name: written(name, value)})
            container[key] = right


@EACH_FORMAT
@given(data=st.data(), value=JSON, noise=st.binary(max_size=8))
def test_what_is_cut_off_or_something_else_gives_items_or_one_error(
    known: Format, data: st.DataObject, value: Any, noise: bytes
) -> None:
    contents = {name: written(name, content) for name, content in samples(known.name, "text", "other").items()}
    name = data.draw(st.sampled_from(sorted(contents)))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(contents[name]))] * 2)))
    read(known, contents | {name: contents[name][:start] + noise + contents[name][end:]})
    read(known, {name: written(name, value) for name in contents})
    read(known, dict.fromkeys(contents, noise))


@EACH_FORMAT
def test_no_files_give_one_error(known: Format) -> None:
    with pytest.raises(SourceError):
        list(known.items(MemoryTree({}), WISHES))
