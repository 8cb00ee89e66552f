"""`watch` and `export` when the connection breaks, when they are stopped, and when they go on from a file."""

import asyncio
import json
import signal
from pathlib import Path

import pytest
from google.rpc import code_pb2

from dashboardcatalog.v1 import asset_pb2, bulk_pb2, dashboard_pb2, entity_pb2, export_pb2, watch_pb2
from tests.cli.conftest import Run, Start
from tests.cli.small_streams import SmallStreams
from tests.patience import until


def changes(*names: str, **fields: object) -> list[watch_pb2.WatchChangesResponse]:
    """Returns a message for each change; the last one says that the stream has caught up."""
    messages = [watch_pb2.WatchChangesResponse(changes=[change(name, **fields)]) for name in names]
    messages[-1].caught_up = True
    return messages


def change(name: str, **fields: object) -> watch_pb2.Change:
    given = {"kind": entity_pb2.KIND_DASHBOARD, "type": watch_pb2.CHANGE_TYPE_UPDATED, "version": 0.2} | fields
    return watch_pb2.Change(fully_qualified_name=name, updated_by="amira", **given)  # type: ignore[arg-type]


def test_watching_goes_on_after_the_connection_breaks_and_prints_each_change_once(
    streams: SmallStreams, run: Run
) -> None:
    streams.messages = changes("s.a", "s.b", "s.c")
    streams.break_after = [1, 2]
    result = run("watch", "--json", "--until-now", "--service", "s", "--kind", "dashboard", "--since-beginning")
    assert result.exit_code == 0
    assert [json.loads(line)["fullyQualifiedName"] for line in result.stdout.splitlines()] == ["s.a", "s.b", "s.c"]
    assert result.stderr == "connection lost, trying again\n" * 2
    assert [one.resume_token for one in streams.requests] == ["", "1", "2"]
    assert all((one.services, one.kinds) == (["s"], [entity_pb2.KIND_DASHBOARD]) for one in streams.requests)
    assert streams.requests[0].start == watch_pb2.WATCH_START_BEGINNING


def test_watching_goes_on_from_a_file(streams: SmallStreams, run: Run, tmp_path: Path) -> None:
    streams.messages = changes("s.a")
    arguments = ["watch", "--json", "--until-now", "--since-beginning", "--resume-file", tmp_path / "position"]
    assert run(*arguments).stdout.count("\n") == 1
    assert (tmp_path / "position").read_text() == "1\n"

    streams.messages = changes("s.a", "s.b")
    assert json.loads(run(*arguments).stdout)["fullyQualifiedName"] == "s.b"
    assert (streams.requests[1].resume_token, streams.requests[1].start) == ("1", watch_pb2.WATCH_START_UNSPECIFIED)
    assert list(tmp_path.glob(".position*")) == []

    (tmp_path / "position").write_text("some other\nfile\n")
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {tmp_path / 'position'} does not hold a position in the changes: ")


def test_ctrl_c_ends_watching_and_keeps_the_position(streams: SmallStreams, process: Start, tmp_path: Path) -> None:
    streams.messages = changes("s.a")
    streams.ends = False
    running = process("watch", "--resume-file", tmp_path / "position")
    assert running.stdout
    assert "s.a" in running.stdout.readline()
    asyncio.run(until((tmp_path / "position").exists))
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=20) == ("", "")
    assert running.returncode == 130


def test_an_error_that_is_no_broken_connection_ends_watching(streams: SmallStreams, run: Run) -> None:
    streams.messages = changes("s.a", "s.b")
    streams.break_after, streams.code = [1], code_pb2.OUT_OF_RANGE
    result = run("watch", "--json")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: OUT_OF_RANGE: the server is stopping\n")


def test_a_change_is_one_line_for_people_and_its_diff_comes_below(streams: SmallStreams, run: Run) -> None:
    description = asset_pb2.ChangeDescription()
    for name, value in (("displayName", "All"), ("name", "clients")):
        description.fields_added.add(name=name).new_value.string_value = value
    state = dashboard_pb2.Dashboard(change_description=description)
    renamed = {"previous_fully_qualified_name": "s.customers", "by_ingestion": True, "dashboard": state}
    streams.messages = [
        *changes("s.clients", **renamed),
        # What is there already is new to the reader, whatever its version changed.
        *changes("s.clients", type=watch_pb2.CHANGE_TYPE_CREATED, dashboard=state),
        *changes("Tier.Gold", kind=entity_pb2.KIND_TAG, type=watch_pb2.CHANGE_TYPE_REMOVED, version=0),
    ]
    streams.messages[0].caught_up = streams.messages[1].caught_up = False
    lines = run("watch", "--until-now", "--since-beginning", "--diff").stdout.splitlines()
    assert streams.requests[0].include_state
    assert lines[0].endswith("  renamed   dashboard s.clients 0.2, formerly s.customers  amira (ingestion)")
    assert lines[1] == "    display name  (none) -> All"
    assert lines[2].endswith("  created   dashboard s.clients 0.2  amira (edit)")
    assert lines[3].endswith("  removed   tag Tier.Gold  amira (edit)")


def test_until_now_needs_somewhere_to_begin(run: Run) -> None:
    result = run("watch", "--until-now")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: --until-now needs --since-beginning or --resume-file")


def export(*names: str) -> list[export_pb2.ExportCatalogResponse]:
    specs = [dashboard_pb2.DashboardSpec(name=name, service="s") for name in names]
    items = [bulk_pb2.BulkUpsertItem(dashboard=spec) for spec in specs]
    messages = [export_pb2.ExportCatalogResponse(items=[item]) for item in items]
    messages[0].watch_token = "from-here"
    return messages


def test_an_export_goes_on_after_the_connection_breaks(streams: SmallStreams, run: Run, tmp_path: Path) -> None:
    streams.messages = export("a", "b", "c")
    streams.break_after = [1]
    file = tmp_path / "catalog.ndjson"
    result = run("export", file, "--deleted", "include", "--service", "s", "--watch-file", tmp_path / "position")
    assert result.exit_code == 0, result.stderr
    assert [json.loads(line)["dashboard"]["name"] for line in file.read_text().splitlines()] == ["a", "b", "c"]
    assert result.stdout == ""
    assert result.stderr == f"connection lost, trying again\nexported 3 items to {file}\n"
    assert [one.resume_token for one in streams.requests] == ["", "1"]
    assert all((one.services, one.deleted) == (["s"], asset_pb2.DELETED_INCLUDE) for one in streams.requests)
    assert (tmp_path / "position").read_text() == "from-here\n"

    piped = run("export")
    # It is everything, also without the option.
    assert streams.requests[-1].deleted == asset_pb2.DELETED_INCLUDE
    assert piped.stdout == file.read_text()
    assert piped.stderr == "exported 3 items\n"


@pytest.mark.usefixtures("sample")
def test_changes_since_an_export_are_watched(run: Run, tmp_path: Path) -> None:
    file, position = tmp_path / "catalog.ndjson", tmp_path / "position"
    assert run("export", file, "--watch-file", position).exit_code == 0
    assert len(file.read_text().splitlines()) == 28
    watch = ["watch", "--until-now", "--resume-file", position]
    assert run(*watch).stdout == ""
    assert run("update", "superset.customers", "--set", "description=new").exit_code == 0
    assert run("delete", "superset.retention", "--kind", "chart").exit_code == 0
    updated, *diff, deleted = run(*watch, "--diff").stdout.splitlines()
    assert updated.endswith("  updated   dashboard superset.customers 0.2  admin (edit)")
    assert diff[-1] == "    + new"
    assert deleted.endswith("  deleted   chart superset.retention 0.2  admin (edit)")
    assert run(*watch).stdout == ""

    result = run(*watch, "--kind", "chart")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: INVALID_ARGUMENT: resume_token: belongs to a stream with other services")
    assert result.stderr.splitlines()[-1].startswith(f"The position is the one in {position}. Remove that file")


def test_an_export_that_fails_leaves_the_file_as_it_was(streams: SmallStreams, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "catalog.ndjson"
    file.write_text("before\n")
    streams.messages = export("a", "b")
    streams.break_after, streams.code = [1], code_pb2.PERMISSION_DENIED
    result = run("export", file)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: PERMISSION_DENIED: ")
    assert file.read_text() == "before\n"
    assert [one.name for one in tmp_path.iterdir() if one.name != "data"] == ["catalog.ndjson"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["watch", "--diff", "--json"], "give --diff or --json, not both"),
        (["watch", "--include-state"], "--include-state needs --json"),
        (["watch", "charts"], "unexpected argument charts: did you mean --kind chart?"),
        (["export", "/nowhere/x"], "/nowhere/x: No such file or directory"),
        (["export", "."], "PATH is a folder: give a file, or - for standard output"),
        (["export", ""], "PATH is empty: give a file, or - for standard output"),
    ],
)
def test_a_wrong_call_is_an_error(streams: SmallStreams, run: Run, arguments: list[str], text: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout, streams.requests) == (2, "", [])
    assert result.stderr.startswith(f"Error: {text}")
