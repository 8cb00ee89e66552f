"""`ingest` continues after a lost connection, Ctrl-C or kill -9."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Start
from tests.cli.small_catalog import SmallCatalog
from tests.cli.source import SERVICE, chart, write_lines
from tests.patience import PATIENCE

DONE = "Run the command again with --resume to continue from there."


def sessions(catalog: SmallCatalog) -> list[str]:
    """Returns the session of each stream."""
    return [stream[0].options.session_id for stream in catalog.streams]


def offsets(catalog: SmallCatalog) -> list[list[int]]:
    """Returns the offsets of the chunks of each stream."""
    return [[request.offset for request in stream if request.items] for stream in catalog.streams]


def interrupt(running: subprocess.Popen[str], catalog: SmallCatalog, by: signal.Signals) -> tuple[str, str]:
    """Interrupts an `ingest` after three messages, and returns what it printed."""
    while not catalog.streams or len(catalog.streams[-1]) < 3:
        assert running.poll() is None
        time.sleep(0.02)
    time.sleep(0.1)
    running.send_signal(by)
    return running.communicate(timeout=PATIENCE)


def test_a_lost_connection_is_one_line_and_the_load_continues(run: Run, folder: Path, small: SmallCatalog) -> None:
    small.break_after, small.breaks = 3, 2
    result = run("ingest", folder)
    assert result.exit_code == 0, result.output
    lost, undo = result.stderr.splitlines()
    assert lost == "connection lost, trying again"
    assert undo.startswith("Undo this load with: ")
    assert result.stdout.splitlines()[1].split() == ["4", "0", "0", "0", "0", "0"]
    assert len(set(sessions(small))) == 1
    # Acknowledged items are not sent again.
    assert [one[:1] for one in offsets(small)] == [[0], [], [1]]


def test_a_connection_that_stays_lost_is_an_error(run: Run, folder: Path, small: SmallCatalog) -> None:
    small.break_after = 3
    result = run("ingest", folder, "--give-up-after", 1)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "connection lost, trying again",
        "Error: UNAVAILABLE: the server is stopping",
        "(call call-1)",
        f"3 items done. {DONE}",
    ]


def test_a_load_that_another_process_continues_is_left_alone(run: Run, folder: Path, small: SmallCatalog) -> None:
    small.break_after, small.is_superseded = 3, True
    result = run("ingest", folder)
    assert result.stderr.splitlines()[-1] == f"At least 1 item done. {DONE}"
    assert len(small.streams) == 1


def test_a_dry_run_does_not_continue(run: Run, folder: Path, small: SmallCatalog) -> None:
    small.break_after = 3
    result = run("ingest", folder, "--dry-run")
    assert result.exit_code == 2
    assert result.stderr == "Error: UNAVAILABLE: the server is stopping\n(call call-1)\n"
    assert run("ingest", folder, "--dry-run", "--resume").stderr.startswith(
        "Error: give --resume or --dry-run, not both"
    )


def test_ctrl_c_is_one_line_and_the_load_can_be_resumed(
    process: Start, run: Run, folder: Path, small: SmallCatalog
) -> None:
    small.hang_after = 3
    running = process("ingest", folder)
    stdout, stderr = interrupt(running, small, signal.SIGINT)
    assert running.returncode == 130
    assert stdout == ""
    # What the server has processed, not just what it has acknowledged.
    assert stderr == f"Error: interrupted. 3 items done. {DONE}\n"
    small.hang_after = None
    result = run("ingest", folder, "--resume")
    assert result.exit_code == 0, result.output
    assert len(set(sessions(small))) == 1
    assert "Resumed: 3 of them were done before" in result.stdout
    assert result.stdout.splitlines()[1].split() == ["4", "0", "0", "0", "0", "0"]


def test_a_killed_load_is_resumed_once(process: Start, run: Run, folder: Path, small: SmallCatalog) -> None:
    small.hang_after = 3
    interrupt(process("ingest", folder, "--max-failures", 5), small, signal.SIGKILL)
    small.hang_after = None
    resumed = run("ingest", folder, "--max-failures", 5, "--resume", "--json")
    assert json.loads(resumed.stdout)["resumedAfter"] == 3
    assert json.loads(resumed.stdout)["sessionId"] == sessions(small)[0]
    again = run("ingest", folder, "--max-failures", 5, "--resume", "--json")
    assert (
        again.stderr
        == f"no unfinished load of {folder} with this content and these options: starting from the beginning\n"
    )
    first, second, third = sessions(small)
    assert first == second != third


@pytest.fixture
def unfinished(run: Run, folder: Path, small: SmallCatalog) -> str:
    """The session of a load of the folder that has not finished."""
    small.break_after = 3
    assert run("ingest", folder, "--give-up-after", 0).exit_code == 2
    small.breaks = 0
    [session] = set(sessions(small))
    small.streams.clear()
    return session


def test_the_same_load_is_resumed(run: Run, folder: Path, small: SmallCatalog, unfinished: str) -> None:
    assert run("ingest", folder, "--resume").exit_code == 0
    assert sessions(small) == [unfinished]


@pytest.mark.parametrize("changed", ["nothing, without --resume", "a file", "an option", "the server", "the state"])
def test_another_load_is_not_resumed(
    run: Run, folder: Path, small: SmallCatalog, *, unfinished: str, data_dir: Path, changed: str
) -> None:
    flags = [] if changed.endswith("--resume") else ["--resume"]
    match changed:
        case "a file":
            write_lines(folder / "charts.ndjson", chart("a"), chart("b"), chart("c"))
        case "an option":
            flags += ["--replace", "tags"]
        case "the server":
            port = os.environ["DASHBOARD_CATALOG_ADDRESS"].rpartition(":")[2]
            flags += ["--address", f"localhost:{port}"]
        case "the state":
            [state] = (data_dir / "unfinished").iterdir()
            state.write_text('{"sess')
    assert run("ingest", folder, *flags).exit_code == 0
    [session] = sessions(small)
    assert session != unfinished


def test_standard_input_is_resumed(run: Run, small: SmallCatalog) -> None:
    text = "\n".join(json.dumps(value) for value in (SERVICE, chart("a"), chart("b")))
    small.break_after = 3
    assert run("ingest", "-", "--give-up-after", 0, stdin=text).exit_code == 2
    small.breaks = 0
    assert run("ingest", "-", "--resume", stdin=text).exit_code == 0
    assert len(set(sessions(small))) == 1


def test_a_load_whose_session_cannot_be_saved_does_not_offer_to_resume(
    run: Run, folder: Path, small: SmallCatalog, data_dir: Path
) -> None:
    data_dir.mkdir()
    (data_dir / "unfinished").touch()
    small.break_after = 3
    result = run("ingest", folder, "--give-up-after", 0)
    assert "3 items done. It is safe to run the command again; these will be unchanged." in result.stderr
    small.breaks = 0
    assert run("ingest", folder, "--resume").exit_code == 0
