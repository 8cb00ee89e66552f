"""Servers that the commands call, and ways to run the commands."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from dashboard_catalog.cli.app import app
from dashboard_catalog.server import build, prepare
from dashboard_catalog.settings import Settings
from tests.cli.background import in_background
from tests.cli.small_catalog import SmallCatalog, small_server
from tests.cli.small_streams import SmallStreams
from tests.cli.source import chart, dashboard, write_lines

Run = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]

COMMAND = [sys.executable, "-c", "from dashboard_catalog.cli.main import main; main()"]
SAMPLE = Path(__file__).parents[2] / "examples" / "sample"


@pytest.fixture(autouse=True)
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The data folder of all commands; they see no other setting from the environment."""
    for name in list(os.environ):
        if name.startswith("DASHBOARD_CATALOG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DASHBOARD_CATALOG_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def server(data_dir: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a catalog on SQLite; the commands find it and its token without options."""
    with _served(data_dir, migrated_sqlite) as address:
        monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", address)
        yield address


@pytest.fixture(scope="module")
def sample_server(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[tuple[str, Path]]:
    """Address and data folder of a catalog that holds the sample, for all tests of a module."""
    folder = tmp_path_factory.mktemp("sample")
    with _served(folder, migrated_sqlite) as address:
        connection = ["--address", address, "--token-file", str(folder / "admin.token")]
        assert CliRunner().invoke(app, ["ingest", str(SAMPLE), *connection]).exit_code == 0
        yield address, folder


@pytest.fixture
def sample(sample_server: tuple[str, Path], data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the catalog with the sample, which commands find without options."""
    assert data_dir != sample_server[1]
    address, folder = sample_server
    monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", address)
    monkeypatch.setenv("DASHBOARD_CATALOG_DATA_DIR", str(folder))
    return folder


@contextmanager
def _served(data_dir: Path, migrated_sqlite: Path) -> Iterator[str]:
    configuration = structlog.get_config()
    # Its log would otherwise mix with the output of the commands.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    settings = Settings.load({"address": "127.0.0.1:0", "data_dir": data_dir})
    settings.data_dir.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(migrated_sqlite, settings.data_dir / "catalog.db")
    # The check of the schema runs its own event loop.
    prepare(settings)
    with in_background(_catalog(settings)) as address:
        yield address
    structlog.configure(**configuration)


@asynccontextmanager
async def _catalog(settings: Settings) -> AsyncIterator[str]:
    server = await build(settings)
    await server.start()
    yield server.address
    await server.drain(0)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallCatalog]:
    """A server that records what it receives, instead of the catalog."""
    catalog = SmallCatalog()  # type: ignore[abstract]
    with in_background(small_server(catalog.add_to)) as address:
        monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", address)
        yield catalog


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallStreams]:
    """A server whose streams break on demand, instead of the catalog."""
    small = SmallStreams()  # type: ignore[abstract]
    with in_background(small_server(small.add_to)) as address:
        monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", address)
        yield small


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A BI service with two charts and a dashboard to load."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "service.json").write_text('{\n"name": "s", "serviceType": "Looker"\n}')
    write_lines(tmp_path / "in" / "charts.ndjson", chart("a"), chart("b"))
    write_lines(tmp_path / "in" / "dashboards.ndjson", dashboard("d", "s.a", "s.b"))
    return tmp_path / "in"


@pytest.fixture
def run() -> Run:
    """Runs a command in this process."""

    def invoke(*arguments: object, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)

    return invoke


@pytest.fixture
def process() -> Iterator[Start]:
    """Starts a command as a separate process, and kills it after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [*COMMAND, *map(str, arguments)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, text=True, env=environment, stdout=pipe, stderr=pipe))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()
