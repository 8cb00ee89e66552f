"""How commands end: with a line instead of a traceback, whatever happens to them, and with the right exit status."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard_catalog.cli.endings import CommandError, Interrupted, end_with
from tests.cli.conftest import COMMAND, Run, Start

# Sends Ctrl-C to its own process when a module is looked for, or when the process ends.
INTERRUPTED = """
import atexit, os, signal, sys
def interrupt(): os.kill(os.getpid(), signal.SIGINT)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == wanted: interrupt()
wanted = sys.argv.pop(1)
if wanted == "atexit": atexit.register(interrupt)
sys.meta_path.insert(0, Finder())
from dashboard_catalog.cli.main import main
main()
"""


def shell(script: str) -> subprocess.CompletedProcess[str]:
    """Runs a script of a shell, in which `catalog` is the command."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "CODE": COMMAND[-1]}
    environment.pop("PYTHONUNBUFFERED", None)
    begin = f'catalog() {{ "{sys.executable}" -c "$CODE" "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", begin + script], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["list"], "dashboard_catalog.cli.app"),
        (["list"], "grpc"),
        (["serve"], "dashboard_catalog.server"),
        (["--version"], "atexit"),
    ],
)
def test_ctrl_c_is_silent_at_any_moment(arguments: list[str], module: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", INTERRUPTED, module, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (130, "")


def test_ctrl_c_ends_a_call(process: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", f"127.0.0.1:{listening.getsockname()[1]}")
        running = process("list")
        # It never gets an answer.
        connection, _ = listening.accept()
        running.send_signal(signal.SIGINT)
        assert running.communicate() == ("", "")
        connection.close()
    assert running.returncode == 130


@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        ("catalog list --help | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("catalog --version > /dev/full", 2, "Error: standard output: No space left on device\n"),
        ("catalog --version >&-", 2, "Error: standard input or output is closed\n"),
        ("catalog ingest - <&-", 2, "Error: "),
        ("catalog nonsense 2> /dev/full", 2, ""),
        ("catalog get $'s.caf\\xe9'", 2, "Error: FQN is not valid UTF-8\n"),
    ],
)
def test_an_odd_call_is_one_line(script: str, status: int, text: str) -> None:
    ended = shell(script)
    assert ended.returncode == status
    assert ended.stderr.startswith(text)
    assert ended.stderr.count("\n") == (1 if text else 0)


def fail(error: BaseException) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (CommandError("no such thing"), 2, "Error: no such thing\n"),
        (Interrupted("3 items done"), 130, "Error: 3 items done\n"),
        (KeyboardInterrupt(), 130, ""),
        (PermissionError(13, "Permission denied", "/secret"), 2, "Error: /secret: Permission denied\n"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (SystemExit(1), 1, ""),
        (SystemExit(None), 0, ""),
    ],
)
def test_every_exception_has_its_status_and_text(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, text: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        end_with(fail(error))
    assert ended.value.code == status
    assert capsys.readouterr() == ("", text)


def test_a_bug_is_reported_with_the_way_to_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as ended:
        end_with(fail(KeyError("secret")))
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: this is a bug in dashboard-catalog 0.")
    assert "KeyError at " in error
    assert "DASHBOARD_CATALOG_TRACEBACK=1" in error
    assert "Traceback" not in error
    monkeypatch.setenv("DASHBOARD_CATALOG_TRACEBACK", "1")
    with pytest.raises(SystemExit):
        end_with(fail(KeyError("secret")))
    assert "KeyError: 'secret'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["upgrade", "check"])
def test_a_file_in_place_of_the_data_folder_is_named(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    result = run("db", command, "--data-dir", tmp_path / "file")
    assert result.exit_code == 2
    assert str(tmp_path / "file") in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
