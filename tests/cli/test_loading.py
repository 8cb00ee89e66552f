"""Commands load what they need, and nothing else: the time that a command takes to start is that of its imports."""

import os
import subprocess
import sys

from dashboard_catalog.cli.app import COMMANDS
from dashboard_catalog.cli.commands import Listed

# Runs commands one after the other; after each, prints which of the modules are loaded.
RUN = """
import sys
from dashboard_catalog.cli.app import app
for line in sys.argv[2:]:
    sys.stdout = sys.stderr
    try: app(line.split())
    except SystemExit: pass
    sys.stdout = sys.__stdout__
    print(*(name for name in sys.argv[1].split() if name in sys.modules))
"""
SERVER = (
    "sqlalchemy alembic pydantic_settings dashboard_catalog.settings dashboard_catalog.store dashboard_catalog.server"
)
HEAVY = f"{SERVER} httpx grpc jwt cedarpy structlog dashboardcatalog"


def test_a_command_does_not_load_what_others_need() -> None:
    # Each loads more than those before.
    callers = ["search", "stats", "history", "diff", "update", "rename", "revert", "delete", "restore", "sessions"]
    callers = [f"{name} --help" for name in (*callers, "watch", "export", "list")] + ["health", "get x", "ingest -"]
    lines = ["--version", "--help", *callers, "token issue --help", "serve --help"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment["DASHBOARD_CATALOG_ADDRESS"] = "127.0.0.1:1"
    ended = subprocess.run(
        [sys.executable, "-c", RUN, HEAVY, *lines],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = [set(line.split()) for line in ended.stdout.splitlines()]
    client = {"grpc", "dashboardcatalog"}
    issuing = client | {"jwt", "cedarpy", "structlog"}
    expected = [
        set(),
        set(),
        *[client] * len(callers),
        issuing,
        issuing | {"pydantic_settings", "dashboard_catalog.settings"},
    ]
    assert dict(zip(lines, loaded, strict=True)) == dict(zip(lines, expected, strict=True))


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    for listed in _functions(COMMANDS):
        help_of_command = listed.load("x").help
        assert help_of_command.splitlines()[0].startswith(listed.summary)


def _functions(listed: Listed) -> list[Listed]:
    return [one for below in listed.group.values() for one in _functions(below)] if listed.group else [listed]
