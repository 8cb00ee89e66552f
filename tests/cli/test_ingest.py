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
        "dashboards.ndjson:3",
        "    is not JSON: Expecting property name enclosed in double quotes at column 2",
        "dashboards.ndjson:4  dashboard s.two",
        "    dashboard.domains: names 2 domains (a, b); the catalog keeps one",
        "dashboards.ndjson:5  dashboard s.num",
        "    dashboard.display_name: is a number, not a string",
        "dashboards.ndjson:2  dashboard s.bad",
        "    dashboard.charts[1]: no chart s.x",
        "    dashboard.charts[2]: no chart s.y",
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
        "stopped": "",
        "sweep": None,
        "resumedAfter": 0,
        "failures": [
            {
                "place": "dashboards.ndjson:2",
                "kind": "",
                "fullyQualifiedName": "",
                "code": "INVALID_ARGUMENT",
                "reason": "",
                "message": "is not JSON: Expecting value at column 1",
                "violations": [{"field": "", "reason": "", "description": "is not JSON: Expecting value at column 1"}],
            },
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
        ],
    }


@pytest.mark.usefixtures("server")
def test_dropped_fields_are_counted_or_refused(run: Run, folder: Path) -> None:
    extra: dict[str, Any] = {"lifeCycle": {}, "dataModels": []}
    write_lines(folder / "charts.ndjson", chart("a", **extra), chart("b", lifeCycle={}))
    result = run("ingest", folder)
    assert result.exit_code == 0
    assert "does not have these fields: chart.lifeCycle (2), chart.dataModels (1)" in result.stdout
    strict = run("ingest", folder / "charts.ndjson", "--strict")
    assert strict.exit_code == 1
    assert "chart.dataModels: is not a field of the catalog" in strict.stdout
    assert "no items sent" in strict.stdout


@pytest.mark.usefixtures("server")
def test_only_the_first_failures_are_listed(run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "charts.ndjson", *(chart(f"c{number}") for number in range(60)))
    few, every = run("ingest", path).stdout, run("ingest", path, "--all-failures").stdout
    assert few.count("chart.service: ") == 50
    assert "... and 10 more that failed" in few
    assert every.count("chart.service: ") == 60
    assert "more that failed" not in every


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
    assert "Stopped early: more than 3 items could not be read" in result.stdout
    assert result.stdout.count("is not JSON") == 4


@pytest.mark.usefixtures("server")
def test_an_item_too_large_for_a_message_fails_alone(run: Run, folder: Path) -> None:
    write_lines(folder / "charts.ndjson", chart("a", description="x" * 4_000_000), chart("b"))
    (folder / "dashboards.ndjson").unlink()
    result = run("ingest", folder)
    assert result.exit_code == 1
    assert result.stdout.startswith("charts.ndjson:1  chart s.a\n    an item must be at most 524288 bytes, has ")
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


@pytest.mark.usefixtures("server")
def test_an_empty_file_loads_nothing(run: Run, tmp_path: Path) -> None:
    result = run("ingest", write_lines(tmp_path / "lines"))
    assert result.exit_code == 0
    assert "no items sent" in result.stdout


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


def test_an_unreachable_server_is_a_one_line_error(run: Run, folder: Path) -> None:
    result = run("ingest", folder, "--address", "127.0.0.1:1")
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: no server answers at 127.0.0.1:1 (")
    assert "dashboard-catalog serve" in line
