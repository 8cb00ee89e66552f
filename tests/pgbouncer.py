"""Runs a real PgBouncer in front of PostgreSQL, in transaction mode and with few connections.

No package of the registry contains it, so tests that need it are skipped where it is not installed.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.postgres import START_SECONDS, UNTIL_INPUT_CLOSES, PostgresServer, give_to_nobody, spawn

_PORT = 6432
# Its other signals mean different things in different versions.
_UNTIL_INPUT_CLOSES = UNTIL_INPUT_CLOSES.replace("-QUIT", "-KILL")
# So few that statements of one connection reach another one all the time.
_SERVER_CONNECTIONS = 2
# Debian installs it where users do not look for programs.
_PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")

needs_pgbouncer = pytest.mark.skipif(_PROGRAM is None, reason="pgbouncer is not installed: apt install pgbouncer")
"""Marks tests that need it."""


class PgBouncer:
    """PgBouncer in front of a server; it runs once it is started, and can be stopped and started again."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self._folder = folder
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and waits until it accepts connections.

        Raises:
            RuntimeError: With its log, if it does not start.
        """
        self._process = spawn(self._folder, ["/bin/sh", "-c", _UNTIL_INPUT_CLOSES, "sh", *self._command])
        ends = time.monotonic() + START_SECONDS
        while not self._folder.joinpath(f".s.PGSQL.{_PORT}").exists():
            if self._process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(self._folder.joinpath("log").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """Stops it at once if it is running: all connections of clients end."""
        if self._process is not None:
            self._process.communicate()
            self._process = None
            self._folder.joinpath(f".s.PGSQL.{_PORT}").unlink(missing_ok=True)

    def url(self, database: str) -> str:
        """Returns the URL of a database behind it."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self._folder}&port={_PORT}"


@contextmanager
def pgbouncer(server: PostgresServer, **settings: str) -> Iterator[PgBouncer]:
    """Runs it until the end of the block; `settings` are those of the section `pgbouncer` of its file."""
    assert _PROGRAM is not None
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        folder.joinpath("users").write_text('"postgres" ""\n"catalog" ""\n')
        folder.joinpath("pgbouncer.ini").write_text(_configuration(folder, server, settings))
        give_to_nobody(folder)
        running = PgBouncer(folder, [_PROGRAM, str(folder / "pgbouncer.ini")])
        try:
            running.start()
            yield running
        finally:
            running.stop()


def _configuration(folder: Path, server: PostgresServer, settings: dict[str, str]) -> str:
    chosen = {
        "pool_mode": "transaction",
        "default_pool_size": _SERVER_CONNECTIONS,
        "max_client_conn": 400,
        "auth_type": "trust",
        "auth_file": folder / "users",
        "unix_socket_dir": folder,
        "listen_port": _PORT,
        **settings,
    }
    lines = [f"{key} = {value}" for key, value in chosen.items()]
    return "\n".join(["[databases]", f"* = host={server.folder} port=5432", "[pgbouncer]", *lines, ""])
