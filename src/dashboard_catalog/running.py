"""Lets commands find the data folder of a server that runs on this machine.

Every server keeps a small file in a folder of its user while it runs: its address, its data folder and its process id,
nothing secret. If the file cannot be written, commands do not find the folder; nothing else fails.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import platformdirs

from dashboard_catalog.environment import APPLICATION


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server of this user on this machine.

    Attributes:
        address: HOST:PORT or unix:PATH, with the port that the system chose.
        data_dir: Its data folder.
        pid: Its process, or the supervisor of its processes.
    """

    address: str
    data_dir: Path
    pid: int


@contextmanager
def announced(address: str, data_dir: Path) -> Iterator[None]:
    """Announces a server of this process while the block runs."""
    with suppress(OSError):
        _write(_file(address), {"address": address, "data_dir": str(data_dir), "pid": os.getpid()})
    try:
        yield
    finally:
        with suppress(OSError):
            file = _file(address)
            # Another server may have taken the address by now.
            if (kept := _read(file)) and kept.pid == os.getpid():
                file.unlink()


def running_servers() -> list[RunningServer]:
    """Returns the servers of this user that run on this machine, in the order of their addresses."""
    try:
        files = sorted(_folder().glob("*.json"))
    except OSError:
        # The home of another user, one that a service may not read, or none.
        return []
    return [server for file in files if (server := _read(file)) and _is_running(server)]


def data_dir_of(address: str) -> Path | None:
    """Returns the data folder of the server that answers at an address of this machine; None if that is not known."""
    at_place = [server for server in running_servers() if _place(server.address) == _place(address)]
    exactly = [server for server in at_place if server.address == address]
    return next((server.data_dir for server in (*exactly, *at_place)), None)


def _folder() -> Path:
    try:
        return platformdirs.user_state_path(APPLICATION, appauthor=False) / "servers"
    except RuntimeError as error:
        raise FileNotFoundError("the home folder is unknown") from error


def _file(address: str) -> Path:
    return _folder() / f"{quote(address, safe='')}.json"


def _write(file: Path, content: dict[str, object]) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Servers that were killed have left theirs.
    for old in file.parent.glob("*.json"):
        if not ((server := _read(old)) and _is_running(server)):
            old.unlink(missing_ok=True)
    # Complete when it appears: another server that starts would remove half a file.
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content))
    fresh.replace(file)


def _read(file: Path) -> RunningServer | None:
    try:
        kept = json.loads(file.read_text())
        return RunningServer(str(kept["address"]), Path(kept["data_dir"]), int(kept["pid"]))
    except (OSError, OverflowError, ValueError, KeyError, TypeError):
        return None


def _is_running(server: RunningServer) -> bool:
    try:
        os.kill(server.pid, 0)
    except (OSError, OverflowError):
        # There is no such process, or the id now belongs to another user's.
        return False
    return True


def _place(address: str) -> str:
    """Returns the port, or the path of a Unix socket: a client may know the server's host by another name."""
    return address.rpartition(":")[2].removeprefix("//")
