"""What the errors of the two database drivers mean: a lost race, a database that is away, or a bug.

This is the only place that knows SQLSTATE codes and SQLite's names of errors.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

_log = structlog.get_logger(__name__)

# A lost race: serialization failure, deadlock, lock not available, unique violation.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOST_RACE_STATES = ("40001", "40P01", "55P03", "23505")
# Classes and codes that say that the server is unreachable, refuses connections, starts, stops, lacks a resource, or
# has ended something that took too long.
_UNAVAILABLE_STATES = ("08", "28", "3D000", "53", "57P", "58", "57014", "25P03")
# The same for SQLite: https://www.sqlite.org/rescode.html
_LOST_RACE_NAMES = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
_UNAVAILABLE_NAMES = (
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
    "SQLITE_INTERRUPT",
    "SQLITE_IOERR",
    "SQLITE_NOMEM",
    "SQLITE_PROTOCOL",
    "SQLITE_READONLY",
)
# COPY bypasses SQLAlchemy, and so do its errors.
_COPY_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError)
_DRIVER_ERRORS = (TimeoutError, DBAPIError, OSError, PoolTimeoutError, DisconnectionError, *_COPY_ERRORS)


class LostRace(Exception):
    """A transaction that failed because of a concurrent one, and can be run again."""


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Translates what a driver raises inside the block. A bug, such as a wrong statement, passes as it is.

    Raises:
        LostRace: When the transaction failed because of a concurrent one.
        CatalogError: UNAVAILABLE when the database is away.
    """
    try:
        yield
    except _DRIVER_ERRORS as error:
        if _is_lost_race(error):
            raise LostRace from error
        if _is_unavailable(error):
            code = _state_of(error) or _sqlite_name_of(error)
            _log.warning("database_unavailable", code=code, error=type(error).__name__)
            raise CatalogError(
                Reason.DATABASE_UNAVAILABLE, "the database is not available; try again", retry_after=1.0
            ) from error
        raise


def _is_lost_race(error: BaseException) -> bool:
    return _state_of(error) in _LOST_RACE_STATES or _sqlite_name_of(error).startswith(_LOST_RACE_NAMES)


def _is_unavailable(error: BaseException) -> bool:
    if isinstance(error, OSError | PoolTimeoutError | DisconnectionError | TimeoutError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return _state_of(error).startswith(_UNAVAILABLE_STATES) or _sqlite_name_of(error).startswith(_UNAVAILABLE_NAMES)


def _state_of(error: BaseException) -> str:
    """Returns the SQLSTATE of PostgreSQL's errors, and an empty text for any other error."""
    return str(getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def _sqlite_name_of(error: BaseException | None) -> str:
    """Returns SQLite's name of the error that caused this one, and an empty text if there is none."""
    while error is not None:
        if name := getattr(error, "sqlite_errorname", ""):
            return str(name)
        error = getattr(error, "orig", None) or error.__cause__
    return ""
