"""The processes to measure: the catalog's server as users start it, the echo, and the comparison."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import processor
from benchmarks.comparison.tokens import issue_token
from tests.postgres import PostgresServer

START_SECONDS = 60
_SERVE = ["-c", "from dashboard_catalog.cli.main import main; main()", "serve"]
_ECHO = ["-m", "benchmarks.echo"]
_COMPARISON = ["-m", "benchmarks.comparison"]
_HTTP_FLOOR = ["-m", "benchmarks.http_floor"]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server of the catalog or of the comparison.

    Attributes:
        postgres: The process of the database; None for SQLite, which runs in the server's process.
        http_address: Address of the HTTP door; empty if there is none.
        workers: The processes that serve, if they are others than `pid`, which supervises them then.
    """

    address: str
    token: str
    pid: int
    postgres: int | None
    http_address: str = ""
    workers: tuple[int, ...] = ()

    def cpu(self) -> tuple[float, float]:
        """Returns the processor time of the server and of its database so far."""
        database = processor.seconds_of_tree(self.postgres) if self.postgres else 0.0
        return sum(map(processor.seconds_of, self.workers or [self.pid])), database


class EchoServer(NamedTuple):
    """A running echo: its addresses, and a token for the one behind the edge."""

    plain: str
    edged: str
    token: str
    pid: int


@contextmanager
def catalog_server(
    folder: Path, database_url: str, postgres: PostgresServer | None, *, http: bool = False, workers: int = 1
) -> Iterator[Server]:
    """Runs `dashboard-catalog serve` with its own data folder until the end of the block, also with HTTP if wanted."""
    data = folder / "data"
    options: dict[str, Any] = {
        "address": "127.0.0.1:0",
        "data-dir": data,
        "database-url": database_url,
        "log-format": "json",
        "workers": workers,
    }
    options |= {"http-address": "127.0.0.1:0"} if http else {}
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    log = folder / "server.log"
    with _serving([*_SERVE, *flags], log, workers) as (pid, line):
        database = processor.postmaster_of(postgres) if postgres else None
        serving = tuple(started["pid"] for started in _lines(log, "worker_started"))
        yield Server(line["address"], _token(data), pid, database, line.get("http_address", ""), serving)


@contextmanager
def echo_server(folder: Path) -> Iterator[EchoServer]:
    """Runs the echo with its own data folder until the end of the block."""
    data = folder / "echo"
    with _serving([*_ECHO, str(data)], folder / "echo.log") as (pid, line):
        yield EchoServer(line["plain_address"], line["address"], _token(data), pid)


@contextmanager
def http_floor_server(folder: Path, size: int) -> Iterator[Server]:
    """Runs an HTTP server without a catalog, whose answers have this many bytes, until the end of the block."""
    with _serving([*_HTTP_FLOOR, str(size)], folder / "http_floor.log") as (pid, line):
        yield Server("", "-", pid, None, line["address"])


@contextmanager
def comparison_server(folder: Path, database: str, postgres: PostgresServer) -> Iterator[Server]:
    """Runs the comparison on a prepared database until the end of the block."""
    key = folder / "comparison.pem"
    token = issue_token(key)
    with _serving([*_COMPARISON, postgres.url(database), str(key)], folder / "comparison.log") as (pid, line):
        yield Server(line["address"], token, pid, processor.postmaster_of(postgres))


@contextmanager
def _serving(arguments: list[str], log: Path, workers: int = 1) -> Iterator[tuple[int, dict[str, Any]]]:
    """Runs Python until the end of the block, and yields its process and a log line that says that it serves.

    Args:
        workers: How many such lines there are when it does.

    Raises:
        RuntimeError: With its log, if it does not start.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *filter(None, sys.path)])}
    with log.open("wb") as errors:
        process = subprocess.Popen([sys.executable, *arguments], env=environment, stderr=errors)
    try:
        yield process.pid, _serving_line(process, log, workers)
    finally:
        process.terminate()
        process.wait()


def _serving_line(process: subprocess.Popen[bytes], log: Path, workers: int) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if len(lines := _lines(log, "serving")) == workers:
            return lines[0]
        time.sleep(0.05)
    raise RuntimeError(log.read_text())


def _lines(log: Path, event: str) -> list[dict[str, Any]]:
    """Returns the complete lines of a log about an event."""
    complete = log.read_text().rpartition("\n")[0].splitlines()
    return [dict(json.loads(line)) for line in complete if f'"{event}"' in line]


def _token(data: Path) -> str:
    return (data / "admin.token").read_text().strip()
