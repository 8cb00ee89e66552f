"""A checkout as a newcomer has it, and the server of `make run`."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner

from dashboard_catalog.cli.app import app
from dashboard_catalog.running import announced
from dashboard_catalog.server import build, prepare
from dashboard_catalog.settings import Settings
from dashboard_catalog.store.file_claim import claimed
from dashboardcatalog.v1 import catalog_service_pb2_grpc, search_pb2
from tests.cli.background import in_background
from tests.patience import PATIENCE
from tests.service.indexing import indexing

ROOT = Path(__file__).parents[2]
RUN = ROOT / "examples" / "run.py"
LAST_LINE = "Ctrl-C stops the server"
# Programs that are started in another folder find the same code, and no settings of the developer.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("DASHBOARD_CATALOG_")} | {
    "PYTHONPATH": os.pathsep.join(filter(None, sys.path))
}

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def port() -> int:
    """A free port."""
    return _free_port()


@pytest.fixture
def http_port() -> int:
    """A free port for HTTP."""
    return _free_port()


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of programs, with its own home and state: they must not find other servers."""
    return ENVIRONMENT | {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def run_sample(tmp_path: Path, port: int, http_port: int, environment: dict[str, str]) -> Iterator[Start]:
    """Starts `examples/run.py` in a folder that is not the checkout's, and stops it after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*more: str, **settings: str) -> subprocess.Popen[str]:
        ports = ["--port", str(port), "--http-port", str(http_port)]
        command = [sys.executable, str(RUN), *ports, "--data-dir", str(tmp_path / ".data"), *more]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, text=True, cwd=tmp_path, env=environment | settings, stdout=pipe, stderr=pipe
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the parts of a checkout that the documents use."""
    tmp_path.joinpath(".venv").symlink_to(sys.prefix)
    for name in ("examples", "generated", "protos"):
        tmp_path.joinpath(name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def served(
    tmp_path: Path,
    http_port: int,
    environment: dict[str, str],
    migrated_sqlite: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The address at which the sample is served, and can be searched.

    It is what `make run` serves, but within this process: `test_run` runs the real one.
    """
    monkeypatch.setenv("XDG_STATE_HOME", environment["XDG_STATE_HOME"])
    addresses = {"address": "127.0.0.1:0", "http_address": f"127.0.0.1:{http_port}"}
    settings = Settings.load({**addresses, "data_dir": tmp_path / ".data"})
    settings.data_dir.mkdir(mode=0o700)
    shutil.copy(migrated_sqlite, settings.data_dir / "catalog.db")
    prepare(settings)
    token = settings.data_dir / "admin.token"
    with claimed(settings.database_url), in_background(_catalog(settings)) as address, announced(address, token.parent):
        connection = ["--address", address, "--token-file", str(token)]
        assert CliRunner().invoke(app, ["ingest", str(ROOT / "examples" / "sample"), *connection]).exit_code == 0
        (settings.data_dir / "address").write_text(f"{address}\n")
        _until_it_finds(address, token.read_text().strip())
        yield address


@asynccontextmanager
async def _catalog(settings: Settings) -> AsyncIterator[str]:
    server = await build(settings)
    await server.start()
    async with indexing(server.database, server.index.folder):
        yield server.address
    await server.drain(0)


def _until_it_finds(address: str, token: str) -> None:
    with grpc.insecure_channel(address) as channel:
        search = catalog_service_pb2_grpc.CatalogServiceStub(channel).Search
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            metadata = (("authorization", f"Bearer {token}"),)
            found = search(search_pb2.SearchRequest(), metadata=metadata, timeout=PATIENCE)
            if not found.building and not found.lag.ToTimedelta():
                return
            time.sleep(0.05)
    raise AssertionError("the sample is not indexed")


def until_it_serves(process: subprocess.Popen[str]) -> str:
    """Returns everything that `examples/run.py` prints until the sample is loaded."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if line.startswith(LAST_LINE):
            return printed
    raise AssertionError(f"it ended with status {process.wait()}: {process.stderr and process.stderr.read()}")
