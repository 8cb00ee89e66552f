"""The file of a SQLite database, apart from what is in it."""

import os
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy.engine import make_url

_log = structlog.get_logger(__name__)


def sqlite_file(url: str) -> Path | None:
    """Returns the file of a database; None if the URL is not that of a SQLite database."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


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
