"""`sessions` and `revert --session`, through a real port."""

import json

import pytest

from dashboardcatalog.v1 import bulk_session_pb2, entity_pb2
from tests.cli.conftest import Run
from tests.cli.small_streams import SmallStreams
from tests.cli.terminal import at_terminal

SESSION = "01a222ed-488d-7d94-b1e4-a7aced3204e7"


def progress(done: int, reverted: int) -> bulk_session_pb2.RevertSessionResponse:
    counts = bulk_session_pb2.RevertSessionProgress(done=done, reverted=reverted, skipped=done - reverted)
    return bulk_session_pb2.RevertSessionResponse(progress=counts)


def summary(reverted: int, skipped: int = 0) -> bulk_session_pb2.RevertSessionResponse:
    response = bulk_session_pb2.RevertSessionResponse()
    response.summary.reverted, response.summary.skipped = reverted, skipped
    return response


@pytest.mark.usefixtures("sample")
def test_sessions_are_listed_and_shown_with_their_failures(run: Run) -> None:
    broken = {"dashboard": {"name": "x", "service": "superset", "charts": ["superset.nothing"]}}
    assert run("ingest", "-", stdin=json.dumps(broken)).exit_code == 1
    header, newest, sample = run("sessions").stdout.splitlines()
    assert header.split() == ["session", "started", "service", "by", "state", "done"]
    assert newest.split()[-4:] == ["admin", "finished", "1", "failed"]
    assert sample.split()[-4:] == ["admin", "finished", "28", "created"]

    session_id = newest.split()[0]
    lines = [line.rstrip() for line in run("sessions", session_id).stdout.splitlines()]
    assert "items          1: 1 failed" in lines
    assert lines[-3:] == [
        "failures",
        "dashboard superset.x  item 0",
        "    dashboard.charts[0]: there is no chart superset.nothing",
    ]
    session, failure = map(json.loads, run("sessions", session_id, "--json").stdout.splitlines())
    assert (session["sessionId"], failure["fullyQualifiedName"]) == (session_id, "superset.x")
    assert run("sessions", "--json", "--page-size", 1).stdout.count("\n") == 1
    assert run("sessions", "--state", "broken_off").stderr == "no session found\n"
    assert run("sessions", SESSION).stderr.startswith("Error: NOT_FOUND: ")
    refused = run("sessions", SESSION, "--state", "running")
    assert refused.stderr.startswith("Error: --service and --state apply to the list")


def test_reverting_a_session_asks_and_reports_what_was_skipped(streams: SmallStreams, run: Run) -> None:
    streams.messages = [progress(1_000, 990), summary(1_230, 4)]
    for name, reason in (("s.a", "CHANGED_SINCE"), ("s.b", "CHANGED_SINCE"), ("s", "ENTITY")):
        streams.messages[1].summary.sample.add(
            kind=entity_pb2.KIND_DASHBOARD if "." in name else entity_pb2.KIND_BI_SERVICE,
            fully_qualified_name=name,
            reason=bulk_session_pb2.BulkRevertSkip.Value(f"BULK_REVERT_SKIP_{reason}"),
        )
    refused = run("revert", "--session", SESSION)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: Revert the load of s that loader began at 1970-01-01 ")
    assert refused.stderr.endswith("(1,234 created)? There is no terminal to ask at: confirm with --yes.\n")
    assert at_terminal("n\n", "revert", "--session", SESSION)[0] == 2
    assert streams.requests == []

    result = run("revert", "--session", SESSION, "--yes")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "1,230 reverted, 4 skipped",
        "skipped: changed since the session, or used by others",
        "  dashboard s.a",
        "  dashboard s.b",
        "skipped: an entity, which has no versions",
        "  bi service s",
        "... and 1 more that were skipped",
    ]
    assert json.loads(run("revert", "--session", SESSION, "--yes", "--json").stdout)["reverted"] == "1230"
    assert [one.validate_only for one in streams.requests] == [False, False]

    streams.messages = [summary(1_234)]
    rehearsed = run("revert", "--session", SESSION, "--dry-run")
    assert (rehearsed.exit_code, rehearsed.stdout) == (0, "1,234 would be reverted, 0 skipped\n")
    assert streams.requests[-1].validate_only


def test_reverting_that_ends_early_says_how_far_it_is(streams: SmallStreams, run: Run) -> None:
    streams.messages = [progress(10, 9), summary(20)]
    streams.break_after = [1]
    result = run("revert", "--session", SESSION, "--yes")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "9 reverted so far. It is safe to run the command again; it goes on from there."
    )
