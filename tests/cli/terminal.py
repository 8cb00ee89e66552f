"""Runs a command at a terminal."""

import os
import pty
import subprocess
import sys

from tests.cli.conftest import COMMAND


def at_terminal(typed: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Runs a command with what a person types, and returns its exit status and what the terminal gets.

    What the command prints must fit the buffer of the terminal.
    """
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    whole = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TERM": "xterm-256color"} | environment
    running = subprocess.run(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=whole, timeout=60, check=False
    )
    shown = os.read(ours, 1 << 16).decode()
    os.close(theirs)
    os.close(ours)
    return running.returncode, shown
