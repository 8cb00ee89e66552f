"""The file of a SQLite database, apart from what is in it."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import structlog
from sqlalchemy.engine import make_url

# Twice SQLite's default: an index has fewer pages to find and to split. With even larger pages, a small write costs
# more, since the log gets each page that it changes as a whole.
_PAGE_BYTES = 8192

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
        with closing(sqlite3.connect(file, isolation_level=None)) as created:
            created.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            # Writes the first page, after which the size is fixed.
            created.execute("VACUUM")
    mode = file.stat().st_mode
    if os.name == "posix" and mode & 0o077:
        _log.warning("database_open_to_others", path=str(file), mode=f"{mode & 0o777:04o}")
