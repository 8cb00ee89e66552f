"""A server for the commands to call, and a way to run them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dashboard_catalog.cli.main import app
from tests.cli.small_catalog import TOKEN, SmallCatalog, serving

Run = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]

COMMAND = [sys.executable, "-c", "from dashboard_catalog.cli.main import main; main()"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("DASHBOARD_CATALOG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DASHBOARD_CATALOG_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def catalog() -> SmallCatalog:
    return SmallCatalog()  # type: ignore[abstract]


@pytest.fixture
def server(catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a running server, which the commands find with its token by themselves."""
    with serving(catalog) as address:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "admin.token").write_text(f"{TOKEN}\n")
        monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", address)
        yield address


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: object, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)

    return invoke


@pytest.fixture
def process() -> Iterator[Start]:
    """Starts a command as a process of its own, which is gone after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [*COMMAND, *map(str, arguments)]
        path = os.pathsep.join(filter(None, sys.path))
        environment = os.environ | {"PYTHONPATH": path}
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        )
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()
