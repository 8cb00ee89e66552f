"""Asks for credentials at a terminal, without showing what is typed, and nowhere else."""

import os
import pty
import subprocess
import sys

from dashboard_catalog.cli.ingest.prompting import ask_at_terminal
from dashboard_catalog.cli.ingest.source_options import SourceOptions

ASK = """
from dashboard_catalog.cli.ingest.prompting import ask_at_terminal
print([ask_at_terminal("GRAFANA_TOKEN (a token)", hidden=hidden) for hidden in (True, False, True)])
"""
COMMAND = [sys.executable, "-c", ASK]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_asks_at_a_terminal() -> None:
    ours, theirs = pty.openpty()
    # In a session of its own, so that it does not find the terminal of whoever runs the tests.
    with subprocess.Popen(
        COMMAND, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, env=ENVIRONMENT, text=True, start_new_session=True
    ) as asking:
        # So that the terminal ends with the command, should that fail.
        os.close(theirs)
        shown = [_type(ours, text) for text in ("letmein\n", "ann\n", "\n")]
        printed, _ = asking.communicate(timeout=60)
    os.close(ours)
    assert printed == "['letmein', 'ann', '']\n"
    assert all("GRAFANA_TOKEN (a token): " in text for text in shown)
    assert "letmein" not in "".join(shown)


def _type(terminal: int, text: str) -> str:
    """Types a text as soon as the terminal asks; what is typed before a hidden question is lost."""
    shown = ""
    while not shown.endswith(": "):
        shown += os.read(terminal, 1024).decode()
    os.write(terminal, text.encode())
    return shown


def test_asks_nobody_without_a_terminal() -> None:
    ran = subprocess.run(
        COMMAND, stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT, timeout=60, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("[None, None, None]\n", "")


def test_formats_may_ask() -> None:
    assert SourceOptions().wishes().prompt is ask_at_terminal
