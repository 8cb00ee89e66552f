"""Completion by the shells, which ask the command with environment variables."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard_catalog.cli.app import app

ASKED = "_DASHBOARD_CATALOG_COMPLETE"


def completed(shell: str, words: str) -> str:
    """Returns what the command prints when a shell asks it to complete the last word."""
    environment = {
        ASKED: f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    return CliRunner().invoke(app, [], prog_name="dashboard-catalog", env=environment).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_options_and_values_are_completed(shell: str) -> None:
    assert "list" in completed(shell, "dashboard-catalog li")
    assert "upgrade" in completed(shell, "dashboard-catalog db up")
    assert "history" in completed(shell, "dashboard-catalog hi")
    assert "broken_off" in completed(shell, "dashboard-catalog sessions --state bro")
    assert "--policy-dir" in completed(shell, "dashboard-catalog serve --pol")
    assert "custom_property" in completed(shell, "dashboard-catalog list --kind cu")


def test_bash_completes(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    command = tmp_path / "dashboard-catalog"
    code = "from dashboard_catalog.cli.main import main; main()"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    command.chmod(0o700)
    script = """
        eval "$(dashboard-catalog --show-completion)"
        COMP_WORDS=(dashboard-catalog list --kind c) COMP_CWORD=3
        _dashboard_catalog_completion dashboard-catalog
        echo "${COMPREPLY[@]}"
    """
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([bash, "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["classification", "custom_property", "chart"]
