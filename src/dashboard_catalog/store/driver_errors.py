"""What the errors of the two database drivers mean: a lost race, a database that is away, a refused value, or a bug.

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
# Classes and codes that say that a statement is wrong, or the state of the connection or of the data files. Everything
# else says something about the values: a constraint, a trigger, a limit, or what nobody has thought of.
_BUG_STATES = ("25", "26", "34", "3F", "42", "XX001", "XX002")
_REFUSED_NAMES = ("SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_RANGE", "SQLITE_TOOBIG")
# SQLite has one code for wrong statements and for functions that refuse their arguments. These are its texts for the
# former.
_BUG_TEXTS = ("no such ", "syntax error", "has no column named", "values were supplied")
# COPY bypasses SQLAlchemy, and so do its errors.
_COPY_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError)
_DRIVER_ERRORS = (TimeoutError, DBAPIError, OSError, PoolTimeoutError, DisconnectionError, *_COPY_ERRORS)


class LostRace(Exception):
    """A transaction that failed because of a concurrent one, and can be run again."""


class DuplicateKey(LostRace):
    """A key that is taken: by a concurrent transaction, or for good."""


class Refused(Exception):
    """The database refuses what a statement writes, and would refuse it again.

    Attributes:
        code: The SQLSTATE, or SQLite's name of the error.
        problem: What the database says. Not for callers.
    """

    def __init__(self, error: BaseException) -> None:
        self.code = _state_of(error) or _sqlite_name_of(error)
        self.problem = str(getattr(error, "orig", None) or error)
        super().__init__(self.code)


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Translates what a driver raises inside the block. A bug, such as a wrong statement, passes as it is.

    Raises:
        LostRace: When the transaction failed because of a concurrent one.
        Refused: When the database refuses what a statement writes.
        CatalogError: UNAVAILABLE when the database is away.
    """
    try:
        yield
    except _DRIVER_ERRORS as error:
        if _is_lost_race(error):
            raise (DuplicateKey if _is_duplicate(error) else LostRace) from error
        if _is_unavailable(error):
            code = _state_of(error) or _sqlite_name_of(error)
            _log.warning("database_unavailable", code=code, error=type(error).__name__)
            raise CatalogError(
                Reason.DATABASE_UNAVAILABLE, "the database is not available; try again", retry_after=1.0
            ) from error
        if _is_refused(error):
            raise Refused(error) from error
        raise


def _is_lost_race(error: BaseException) -> bool:
    return _state_of(error) in _LOST_RACE_STATES or _sqlite_name_of(error).startswith(_LOST_RACE_NAMES)


def _is_duplicate(error: BaseException) -> bool:
    return _state_of(error) == "23505" or _sqlite_name_of(error).startswith("SQLITE_CONSTRAINT")


def _is_refused(error: BaseException) -> bool:
    if state := _state_of(error):
        return not state.startswith(_BUG_STATES)
    name = _sqlite_name_of(error)
    if name == "SQLITE_ERROR":
        return not any(text in str(getattr(error, "orig", error)) for text in _BUG_TEXTS)
    return name.startswith(_REFUSED_NAMES)


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
