"""The file of a SQLite database, apart from what is in it."""

import os
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy.engine import make_url

_log = structlog.get_logger(__name__)


def is_sqlite(url: str) -> bool:
    """Says whether the URL of a database is that of a SQLite file."""
    return url.startswith("sqlite")


def sqlite_file(url: str) -> Path:
    """Returns the file of a SQLite database."""
    return Path(make_url(url).database or "")


def create_private(file: Path) -> None:
    """Creates the file if it does not exist, so that only its owner can read it. Warns if others can.

    SQLite itself would let the umask decide. The files that it keeps beside the database get the same permissions.

    Raises:
        OSError: If the file cannot be created.
    """
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    mode = file.stat().st_mode
    if os.name == "posix" and mode & 0o077:
        _log.warning("database_open_to_others", path=str(file), mode=f"{mode & 0o777:04o}")
