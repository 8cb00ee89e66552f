"""Keeps a second server away from a SQLite file.

Two servers on one file would be correct and slow: each would wait for the other's lock, and refuse writes when it has
waited for too long.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dashboard_catalog.store.sqlite_file import sqlite_file


class FileInUse(Exception):
    """A file that another server uses, or whose lock cannot be taken. The message says so, for people."""


@contextmanager
def claimed(url: str) -> Iterator[None]:
    """Holds the lock of a SQLite file, `FILE.lock` beside it, while the block runs.

    The operating system releases the lock when the process ends, however that happens. The file stays: removing it
    could take the lock away from a server that starts.

    Args:
        url: `sqlite+aiosqlite:///FILE`.

    Raises:
        FileInUse: If another process holds the lock.
    """
    file = sqlite_file(url).resolve()
    lock = file.with_name(f"{file.name}.lock")
    try:
        holding = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FileInUse(f"{lock}: {error.strerror}") from error
    try:
        _take(holding, file)
        os.ftruncate(holding, 0)
        # Only for people, so a full disk does not matter here.
        with suppress(OSError):
            os.write(holding, f"{os.getpid()}\n".encode())
        yield
        os.ftruncate(holding, 0)
    finally:
        os.close(holding)


def _take(holding: int, file: Path) -> None:
    try:
        fcntl.flock(holding, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(holding, 20).decode(errors="replace").strip()
        which = f" (process {holder})" if holder else ""
        raise FileInUse(
            f"{file} is used by another server{which}: a SQLite file takes one server at a time; stop that one first,"
            " or use PostgreSQL"
        ) from error
    except OSError as error:
        raise FileInUse(
            f"{file} cannot be locked: {error.strerror}; keep it on a local disk, or use PostgreSQL"
        ) from error
