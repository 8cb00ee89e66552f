"""`ingest`, through a real port: what it sends, what it prints, and its exit status."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from google.protobuf import json_format

from dashboardcatalog.v1 import bulk_pb2
from tests.cli.conftest import SAMPLE, Run
from tests.cli.small_catalog import SmallCatalog
from tests.cli.source import SERVICE, chart, dashboard, write_lines


def the_stream(catalog: SmallCatalog) -> tuple[bulk_pb2.BulkUpsertOptions, list[list[str]]]:
    """Returns the options of the only stream, and the kinds of the items in each chunk."""
    [stream] = catalog.streams
    chunks = [[str(item.WhichOneof("item")) for item in one.items] for one in stream if one.items]
    return stream[0].options, chunks


@pytest.mark.usefixtures("server")
def test_the_sample_catalog_loads_and_loads_again_unchanged(run: Run) -> None:
    first = run("ingest", SAMPLE)
    assert first.exit_code == 0, first.output
    assert "13 entities, 12 charts, 3 dashboards sent" in first.stdout
    undo = first.stderr.splitlines()[-1].removeprefix("Undo this load with: dashboard-catalog ").split()
    assert run(*undo, "--dry-run").stdout.startswith("15 would be reverted, 13 skipped\n")
    unchanged = run("ingest", SAMPLE)
    assert "Undo" not in unchanged.stderr
    again = json.loads(run("ingest", SAMPLE, "--json").stdout)
    assert (again["created"], again["unchanged"], again["failed"]) == (0, 28, 0)


def test_a_folder_is_sent_in_order_and_replaces_charts(run: Run, folder: Path, small: SmallCatalog) -> None:
    assert run("ingest", folder).exit_code == 0
    options, chunks = the_stream(small)
    assert chunks == [["entity"], ["chart", "chart"], ["dashboard"]]
    assert list(options.update_mask.paths) == ["charts"]
    [stream] = small.streams
    assert [request.offset for request in stream] == [0, 0, 1, 3, 0]
    assert stream[-1].finish.total_items == 4


def test_a_folder_of_one_kind_leaves_charts_alone(run: Run, folder: Path, small: SmallCatalog) -> None:
    (folder / "dashboards.ndjson").unlink()
    assert run("ingest", folder).exit_code == 0
    assert not the_stream(small)[0].HasField("update_mask")


def test_options_of_the_command_become_options_of_the_stream(run: Run, folder: Path, small: SmallCatalog) -> None:
    file = folder / "charts.ndjson"
    flags = [
        "--dry-run",
        "--override-metadata",
        "--max-failures",
        7,
        "--replace",
        "charts",
        "--replace",
        "tags",
    ]
    assert run("ingest", file, *flags).exit_code == 1
    options = the_stream(small)[0]
    assert str(UUID(options.session_id)) == options.session_id
    options.ClearField("session_id")
    assert json_format.MessageToDict(options) == {
        "validateOnly": True,
        "overrideMetadata": True,
        "maxFailures": 7,
        "updateMask": "charts,tags",
    }


def test_an_export_is_sent_as_it_was(run: Run, folder: Path, small: SmallCatalog) -> None:
    items = [
        {"entity": SERVICE, "preserved": {"id": "01890000-0000-7000-8000-000000000001"}},
        {"chart": chart("a"), "preserved": {"id": "01890000-0000-7000-8000-000000000002", "version": 0.4}},
    ]
    file = write_lines(folder / "exported.ndjson", *items)
    assert run("ingest", file, "--preserve").exit_code == 0
    options, _ = the_stream(small)
    assert options.preserve
    assert not options.HasField("update_mask")
    sent = [item for request in small.streams[0] for item in request.items]
    assert [json_format.MessageToDict(item) for item in sent] == items
    for flags in (["--sweep", "s"], ["--replace", "charts"]):
        refused = run("ingest", file, "--preserve", *flags)
        assert (refused.exit_code, refused.stderr) == (2, f"Error: give --preserve or {flags[0]}, not both\n")


@pytest.mark.usefixtures("server")
def test_a_dry_run_writes_nothing(run: Run, folder: Path) -> None:
    result = run("ingest", folder, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "1 entity, 2 charts, 1 dashboard validated, nothing written," in result.stdout
    assert run("get", "s.d").exit_code == 2


def test_a_mixed_file_is_sent_in_the_order_of_loading(run: Run, tmp_path: Path, small: SmallCatalog) -> None:
    tag = {"tag": {"name": "t", "classification": "c"}}
    path = write_lines(
        tmp_path / "mixed",
        dashboard("d", "s.a"),
        tag,
        {"chart": chart("a")},
        {"entity": {"classification": {"name": "c"}}},
        SERVICE,
    )
    result = run("ingest", path)
    assert result.exit_code == 0, result.output
    assert the_stream(small)[1] == [["entity"] * 3, ["chart"], ["dashboard"]]
    entities = [item.entity.WhichOneof("entity") for item in small.streams[0][1].items]
    assert entities == ["bi_service", "classification", "tag"]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("lines", [True, False])
def test_standard_input_is_read(run: Run, lines: bool) -> None:
    values = [SERVICE, chart("a"), dashboard("d", "s.a")]
    text = "\n".join(map(json.dumps, values)) if lines else json.dumps(values, indent=2)
    result = run("ingest", "-", stdin=text)
    assert result.exit_code == 0, result.output
    assert "\nstandard input: 1 entity, 1 chart, 1 dashboard sent in " in result.stdout
    assert run("get", "s.d").exit_code == 0


@pytest.mark.usefixtures("small")
def test_failed_items_are_listed_with_place_name_field_and_text(run: Run, folder: Path) -> None:
    write_lines(
        folder / "dashboards.ndjson",
        dashboard("fine", "s.a"),
        dashboard("bad", "s.a", "s.x", "s.y"),
        "{nonsense",
        dashboard("two", domains=["a", "b"]),
        dashboard("num", displayName=3),
    )
    result = run("ingest", folder)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:11] == [
        "dashboards.ndjson:2  dashboard s.bad",
        "    dashboard.charts[1]: no chart s.x",
        "    dashboard.charts[2]: no chart s.y",
        "dashboards.ndjson:3",
        "    is not JSON: Expecting property name enclosed in double quotes at column 2",
        "dashboards.ndjson:4  dashboard s.two",
        "    dashboard.domains: names 2 domains (a, b); the catalog keeps one",
        "dashboards.ndjson:5  dashboard s.num",
        "    dashboard.display_name: is a number, not a string",
        "",
        "created  updated  unchanged  restored  suppressed  failed",
    ]
    assert result.stdout.splitlines()[11].split() == ["4", "0", "0", "0", "0", "4"]


@pytest.mark.usefixtures("small")
def test_the_json_summary_is_complete(run: Run, folder: Path) -> None:
    write_lines(folder / "dashboards.ndjson", dashboard("bad", "s.x", lifeCycle={}), "nonsense")
    result = run("ingest", folder, "--json")
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert summary.pop("seconds") >= 0
    assert UUID(summary.pop("sessionId")).version == 4
    assert summary == {
        "source": str(folder),
        "items": {"entity": 1, "chart": 2, "dashboard": 1},
        "created": 3,
        "updated": 0,
        "unchanged": 0,
        "restored": 0,
        "suppressed": 0,
        "failed": 2,
        "notSent": 1,
        "droppedFields": {"dashboard.lifeCycle": 1},
        "leftOutReferences": {},
        "createdEntities": [],
        "createdReferences": {},
        "preview": [],
        "stopped": "",
        "sweep": None,
        "resumedAfter": 0,
        "failures": [
            {
                "place": "dashboards.ndjson:1",
                "kind": "dashboard",
                "fullyQualifiedName": "s.bad",
                "code": "INVALID_ARGUMENT",
                "reason": "INVALID_REQUEST",
                "message": "dashboard.charts[0]: no chart s.x",
                "violations": [
                    {
                        "field": "dashboard.charts[0]",
                        "reason": "UNKNOWN_REFERENCE",
                        "description": "no chart s.x",
                    }
                ],
            },
            {
                "place": "dashboards.ndjson:2",
                "kind": "",
                "fullyQualifiedName": "",
                "code": "INVALID_ARGUMENT",
                "reason": "",
                "message": "is not JSON: Expecting value at column 1",
                "violations": [{"field": "", "reason": "", "description": "is not JSON: Expecting value at column 1"}],
            },
        ],
    }


@pytest.mark.usefixtures("server")
def test_dropped_fields_are_counted_or_refused(run: Run, folder: Path) -> None:
    extra: dict[str, Any] = {"lifeCycle": {}, "dataModels": []}
    write_lines(folder / "charts.ndjson", chart("a", **extra), chart("b", lifeCycle={}))
    result = run("ingest", folder)
    assert result.exit_code == 0
    assert "does not keep it: chart.lifeCycle (2), chart.dataModels (1)\n" in result.stdout
    many = write_lines(folder / "many.ndjson", chart("a", **{f"x{number}": 1 for number in range(7)}))
    assert ", chart.x4 (1) and 2 more, which --json lists\n" in run("ingest", many).stdout
    strict = run("ingest", folder / "charts.ndjson", "--strict")
    assert strict.exit_code == 1
    assert "chart.dataModels: is not a field of the catalog" in strict.stdout
    assert "no items sent" in strict.stdout


@pytest.mark.usefixtures("server")
def test_failures_that_are_alike_are_grouped_unless_all_are_asked_for(run: Run, tmp_path: Path) -> None:
    charts = [chart(f"c{number}") for number in range(1, 61)]
    owners = [{"type": "user", "name": name} for name in "abcdefgh"]
    path = write_lines(
        tmp_path / "lines", *charts[:30], SERVICE | {"x": 1}, {"chart": chart("o", owners=owners)}, *charts[30:]
    )
    result = run("ingest", path)
    assert result.stdout.splitlines()[:20] == [
        "lines:1  chart s.c1",
        "    chart.service: there is no BI service s",
        "lines:2  chart s.c2",
        "    chart.service: there is no BI service s",
        "lines:3  chart s.c3",
        "    chart.service: there is no BI service s",
        "... and 57 more like this, up to lines:62",
        "lines:31",
        "    is not a dashboard, a chart or an entity: it has the keys biService, x",
        "lines:32  chart s.o",
        "    chart.service: there is no BI service s",
        *(f"    chart.owners[{at}]: there is no user {name}" for at, name in enumerate("abcd")),
        "    ... and 4 more",
        "List all with --all-failures.",
        "",
        "created  updated  unchanged  restored  suppressed  failed",
        "      0        0          0         0           0      62",
    ]
    every = run("ingest", path, "--all-failures").stdout
    assert every.count("lines:") == 62 + 1
    assert every.index("lines:30 ") < every.index("lines:31\n") < every.index("lines:33 ")
    assert "chart.owners[7]" in every
    assert "more" not in every


@pytest.mark.usefixtures("server")
def test_an_item_that_differs_from_the_first_of_its_name_fails_and_a_load_stays_a_load(
    run: Run, tmp_path: Path
) -> None:
    prod, dev = dashboard("o", description="prod"), dashboard("o", displayName="dev")
    path = write_lines(tmp_path / "lines", SERVICE, dev | {"project": "B"}, {"chart": chart("x")}, prod, prod, dev)
    first = run("ingest", path)
    assert first.exit_code == 1
    assert first.stdout.splitlines()[:4] == [
        "lines:4  dashboard s.o",
        "    differs from the first item with this name, at lines:2; only the first one counts",
        "lines:5  dashboard s.o",
        "    differs from the first item with this name, at lines:2; only the first one counts",
    ]
    again = json.loads(run("ingest", path, "--json").stdout)
    assert (again["unchanged"], again["updated"], again["failed"]) == (3, 0, 3)
    assert again["failures"][0]["reason"] == "DUPLICATE_ITEM"
    assert json.loads(run("get", "s.o", "--json").stdout)["version"] == 0.1
    same = run("ingest", write_lines(tmp_path / "lines", dev | {"project": "B"}, dev | {"project": "B"}))
    assert same.exit_code == 0
    assert same.stdout.splitlines()[1].split() == ["0", "0", "2", "0", "0", "0"]


@pytest.mark.usefixtures("server")
def test_dashboards_as_openmetadata_returns_them_are_loaded(run: Run, tmp_path: Path) -> None:
    def reference(kind: str, name: str, **more: str) -> dict[str, Any]:
        other = "067319fd-fa77-4b55-b481-f438489b0931"
        return {"id": other, "type": kind, "name": name, "href": "http://om/x", "deleted": False, **more}

    entities = [SERVICE, {"user": {"name": "jane.doe"}}, {"domain": {"name": "d"}}, {"chart": chart("a")}]
    assert run("ingest", write_lines(tmp_path / "entities", *entities)).exit_code == 0
    body = {
        **reference("", "n"),
        "service": reference("dashboardService", "s"),
        "dashboardType": "Dashboard",
        "charts": [reference("chart", "a", fullyQualifiedName="s.a")],
        "owners": [reference("user", "jane.doe", fullyQualifiedName='"jane.doe"')],
        "domains": [reference("domain", "d", fullyQualifiedName="d")],
    }
    del body["type"]
    old = body | {"name": "old", "owner": body["owners"][0], "domain": reference("domain", "d")}
    del old["owners"], old["domains"]
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"data": [body, old], "paging": {"total": 2}}))
    result = run("ingest", path, "--strict")
    assert result.exit_code == 0, result.output
    for name in ("n", "old"):
        loaded = json.loads(run("get", f"s.{name}", "--json").stdout)
        assert [owner["name"] for owner in loaded["owners"]] == ["jane.doe"]
        assert [domain["name"] for domain in loaded["domains"]] == ["d"]
    # What the catalog itself returns can be loaded too.
    listed = run("list", "--json").stdout
    assert json.loads(run("ingest", "-", "--json", "--strict", stdin=listed).stdout)["unchanged"] == 2


@pytest.mark.usefixtures("server")
def test_a_stream_with_too_many_failures_stops_with_its_summary(run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "charts.ndjson", *(chart(f"c{number}") for number in range(5)))
    result = run("ingest", path, "--max-failures", "3")
    assert result.exit_code == 1
    assert "Stopped early: " in result.stdout


@pytest.mark.usefixtures("server")
def test_a_file_with_too_many_invalid_lines_is_not_read_to_its_end(run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "lines", SERVICE, *["nonsense"] * 100)
    result = run("ingest", path, "--max-failures", "3")
    assert result.exit_code == 1
    assert "Stopped early: more than 3 items cannot be sent" in result.stdout
    assert "... and 1 more like this, up to lines:5\n" in result.stdout


@pytest.mark.usefixtures("server")
def test_an_item_too_large_for_a_message_fails_alone(run: Run, folder: Path) -> None:
    write_lines(folder / "charts.ndjson", chart("a", description="x" * 4_000_000), chart("b"))
    (folder / "dashboards.ndjson").unlink()
    result = run("ingest", folder)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:2] == [
        "charts.ndjson:1  chart s.a",
        "    an item must be at most 524288 bytes, has 4000022",
    ]
    assert "1 entity, 2 charts sent" in result.stdout
    assert run("get", "s.b", "--kind", "chart").exit_code == 0


def test_a_large_file_is_sent_in_chunks(run: Run, tmp_path: Path, small: SmallCatalog) -> None:
    path = write_lines(tmp_path / "lines", SERVICE, *(chart(f"c{number}") for number in range(2_500)))
    assert run("ingest", path).exit_code == 0
    assert [len(kinds) for kinds in the_stream(small)[1]] == [1, 1_000, 1_000, 500]


def test_a_body_of_an_ambiguous_kind_needs_the_option(run: Run, tmp_path: Path, small: SmallCatalog) -> None:
    path = write_lines(tmp_path / "lines", SERVICE, {"name": "x", "service": "s"})
    result = run("ingest", path)
    assert result.exit_code == 2
    assert "lines:2 could be a dashboard or a chart" in result.stderr
    assert small.streams == []
    assert run("ingest", path, "--kind", "chart").exit_code == 0


@pytest.mark.parametrize("content", ["", "\n \n", "[]", '{"charts": [], "dashboards": []}'])
def test_a_source_without_items_has_an_exit_status_of_its_own(
    run: Run, tmp_path: Path, small: SmallCatalog, content: str
) -> None:
    path = write_lines(tmp_path / "lines", content)
    result = run("ingest", path, "--sweep", "s")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == f"Error: there is nothing to load: {path} has no items\n"
    assert run("ingest", "-", stdin=content).stderr.endswith("standard input has no items\n")
    assert small.streams == []


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["plain", "text"], "lines:1 is not JSON: Expecting value at column 1. Expected "),
        ([{"event": "x"}] * 9, "lines:1 is not a dashboard, a chart or an entity: it has the keys event. Expected "),
    ],
)
def test_a_source_without_anything_like_an_item_is_one_line(
    run: Run, tmp_path: Path, small: SmallCatalog, *, lines: list[Any], text: str
) -> None:
    result = run("ingest", write_lines(tmp_path / "lines", *lines))
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Error: nothing can be loaded: {text}")
    assert small.streams == []


def test_a_body_without_a_service_fails_as_an_item(run: Run, tmp_path: Path, small: SmallCatalog) -> None:
    result = run("ingest", write_lines(tmp_path / "lines", {"name": "x"}))
    assert result.exit_code == 1
    assert result.stdout.startswith("lines:1  x\n    has no service, as dashboards and charts must; an entity is ")
    assert small.streams[0][-1].finish.total_items == 0


@pytest.mark.usefixtures("small")
def test_files_of_a_folder_that_are_not_read_are_named(run: Run, folder: Path) -> None:
    (folder / "dashboards.json").touch()
    assert run("ingest", folder).stderr.startswith("not read: dashboards.json (a folder is read from service.json, ")


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("arguments", [[], ["/nothing/there"], ["x", "--max-failures", "-1"], ["x", "--nonsense"]])
def test_wrong_usage_exits_with_status_2(run: Run, arguments: list[str]) -> None:
    assert run("ingest", *arguments).exit_code == 2


@pytest.mark.usefixtures("server")
def test_a_refused_caller_sees_the_reason(run: Run, folder: Path) -> None:
    result = run("ingest", folder, "--token", "wrong")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: UNAUTHENTICATED: ")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("address", "cause"), [("127.0.0.1:1", "Connection refused"), ("unix:/nowhere/socket", "No such file or directory")]
)
def test_an_unreachable_server_is_a_one_line_error(run: Run, folder: Path, address: str, cause: str) -> None:
    result = run("ingest", folder, "--address", address)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Error: no server answers at {address} ({cause}). ")
    assert "dashboard-catalog serve" in line
