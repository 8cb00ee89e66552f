"""What the errors of two drivers mean: a lost race, a database that cannot be used now, a refused value, or a bug.

This is the only place that knows SQLSTATE codes and SQLite's names of errors.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dashboard_catalog.environment import environment_name
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

_log = structlog.get_logger(__name__)

# A lost race: serialization failure, deadlock, lock not available, unique violation.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOST_RACE_STATES = ("40001", "40P01", "55P03", "23505")
# The same for SQLite: https://www.sqlite.org/rescode.html
_LOST_RACE_NAMES = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")

READ_ONLY = "PostgreSQL takes no writes: it is a standby, or was made read-only"
NO_TABLES = "the tables of this version are missing: run `db upgrade`"
MOVED = "the file was deleted, moved or replaced while the server uses it"
DAMAGED = "the file is damaged, or no SQLite database"
_SILENT = "the database does not answer"
_UNREACHABLE = "the database cannot be reached"
NEEDS_PGBOUNCER = f"PgBouncer in transaction mode is in front of PostgreSQL: set {environment_name('pgbouncer')}=true"

# Why a database cannot be used, by the beginning of an SQLSTATE. The first that fits counts.
_STATES: Mapping[str, str] = {
    "08": "the connection to PostgreSQL failed",
    "25006": READ_ONLY,
    # A prepared statement is gone, or another client has one of its name.
    "26000": NEEDS_PGBOUNCER,
    "42P05": NEEDS_PGBOUNCER,
    "25P03": "PostgreSQL ended a transaction that was idle for too long",
    "25P04": "PostgreSQL ended a transaction that took too long",
    "28": "PostgreSQL refuses the user or the password",
    "3D000": "the database does not exist",
    "3F000": NO_TABLES,
    "40003": "the connection to PostgreSQL failed during a commit",
    "42501": "the database user lacks a permission",
    "42P01": NO_TABLES,
    "53100": "the disk of PostgreSQL is full",
    "53": "PostgreSQL lacks a resource, such as memory or connections",
    "57014": "PostgreSQL cancelled a statement, for example because it took too long",
    "57": "PostgreSQL is starting or stopping, or was told to close the connection",
    "58": "PostgreSQL cannot read or write its files",
    "XX001": "the data of PostgreSQL are damaged",
    "XX002": "an index of PostgreSQL is damaged",
}
# Why a cluster cannot be used, by a part of what it says with the code of internal errors, which says nothing.
_INTERNAL = "XX000"
_NODE_TEXTS: Mapping[str, str] = {
    "could not commit transaction": "a node of the cluster failed during a commit",
    "failure on connection marked as essential": "a node of the cluster failed",
}
# The same by the beginning of SQLite's name of an error.
_NAMES: Mapping[str, str] = {
    "SQLITE_CANTOPEN": "the file cannot be opened",
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_FULL": "the disk is full",
    "SQLITE_INTERRUPT": "SQLite cancelled a statement that took too long",
    "SQLITE_IOERR": "the file cannot be read or written",
    "SQLITE_NOMEM": "SQLite lacks memory",
    "SQLITE_NOTADB": DAMAGED,
    "SQLITE_PERM": "the file cannot be accessed",
    "SQLITE_PROTOCOL": "SQLite cannot lock the file",
    "SQLITE_READONLY_DBMOVED": MOVED,
    "SQLITE_READONLY": "the file is read-only",
}
# After these, another connection may work where this one never will: to the new primary, or to a file put back.
_USELESS_AFTER = ("25006", "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_IOERR", "SQLITE_NOTADB", "SQLITE_READONLY")
# Classes and codes that say that a statement is wrong, or the state of the connection. Everything else says something
# about the values: a constraint, a trigger, a limit, or what nobody has thought of.
_BUG_STATES = ("25", "26", "34", "3F", "42")
_REFUSED_NAMES = ("SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_RANGE", "SQLITE_TOOBIG")
# SQLite has one code for wrong statements and for functions that refuse their arguments. These are its texts for the
# former.
_BUG_TEXTS = ("no such ", "syntax error", "has no column named", "values were supplied")
# PgBouncer's own errors have no other code.
_POOLER_ERROR = "08P01"
# COPY and fixed statements bypass SQLAlchemy, and so do their errors.
_DIRECT_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, sqlite3.Error)
# What asyncpg raises for a statement that meets the end of its connection. SQLAlchemy does not know it.
_ENDING = asyncpg.InternalClientError
_DRIVER_ERRORS = (TimeoutError, DBAPIError, OSError, PoolTimeoutError, DisconnectionError, _ENDING, *_DIRECT_ERRORS)


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
        self.code = code_of(error)
        self.problem = _text_of(error)
        super().__init__(self.code)


class DatabaseUnavailable(CatalogError):
    """A database that cannot be used now.

    Attributes:
        problem: Why, for the people who run the server. Callers do not learn it.
        is_partial: Whether the database answers, but cannot reach a node that holds a part of the data.
    """

    def __init__(self, problem: str, *, is_partial: bool = False) -> None:
        text = "the database is not available; try again"
        super().__init__(Reason.DATABASE_UNAVAILABLE, text, retry_after=1.0)
        self.problem = problem
        self.is_partial = is_partial


@contextmanager
def translated() -> Iterator[None]:
    """Translates what a driver raises inside the block. A bug, such as a wrong statement, passes as it is.

    Raises:
        LostRace: When the transaction failed because of a concurrent one.
        Refused: When the database refuses what a statement writes.
        DatabaseUnavailable: When the database cannot be used.
    """
    try:
        yield
    except _DRIVER_ERRORS as error:
        translation = translation_of(error)
        if isinstance(translation, DatabaseUnavailable):
            problem, code = translation.problem, code_of(error)
            _log.warning("database_unavailable", problem=problem, code=code, error=type(error).__name__)
        if translation:
            raise translation from error
        raise


def translation_of(error: BaseException) -> LostRace | Refused | DatabaseUnavailable | None:
    """Returns what an error of a driver means, or None if it is a bug or none of a driver."""
    if _is_lost_race(error):
        return DuplicateKey() if _is_duplicate(error) else LostRace()
    if problem := problem_of(error):
        return DatabaseUnavailable(problem, is_partial=_is_of_a_node(error))
    return Refused(error) if _is_refused(error) else None


def problem_of(error: BaseException) -> str | None:
    """Returns why a database that answered with this error cannot be used, or None if the error says something else."""
    if _is_refused_setting(error):
        return NEEDS_PGBOUNCER
    if problem := _entry(_STATES, _state_of(error)) or _entry(_NAMES, _sqlite_name_of(error)):
        return problem
    if _state_of(error) == _INTERNAL:
        return next((problem for said, problem in _NODE_TEXTS.items() if said in _text_of(error)), None)
    if isinstance(error, PoolTimeoutError | TimeoutError):
        return _SILENT
    if isinstance(error, OSError | DisconnectionError | _ENDING):
        return _UNREACHABLE
    if _sqlite_name_of(error) and _text_of(error).startswith("no such table"):
        return NO_TABLES
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _UNREACHABLE
    return None


def cause_of(error: BaseException) -> object:
    """Returns what people are told about an error of a driver: what it says, without the statement.

    The driver explains prepared statements to programmers, in many lines.
    """
    problem = problem_of(error)
    return problem if problem == NEEDS_PGBOUNCER else getattr(error, "orig", None) or error


def makes_connections_useless(error: BaseException) -> bool:
    """Says whether the connections that exist should be replaced after this error."""
    return code_of(error).startswith(_USELESS_AFTER)


def _is_refused_setting(error: BaseException) -> bool:
    """Says whether a connection was refused for the settings that it wants. Only PgBouncer does that."""
    return _state_of(error) == _POOLER_ERROR and "unsupported startup parameter" in str(error)


def _entry(table: Mapping[str, str], code: str) -> str | None:
    return next((entry for beginning, entry in table.items() if code.startswith(beginning)), None)


def _text_of(error: BaseException) -> str:
    """Returns what the database says."""
    return str(getattr(error, "orig", None) or error)


def _is_of_a_node(error: BaseException) -> bool:
    """Says whether a server has answered that a connection failed, which then is one of its own.

    PgBouncer says this of the whole server, as the last thing on a connection: its severity is FATAL.
    """
    driver_error = getattr(getattr(error, "orig", error), "__cause__", None) or error
    return _state_of(error).startswith("08") and getattr(driver_error, "severity_en", None) == "ERROR"


def _is_lost_race(error: BaseException) -> bool:
    return _state_of(error) in _LOST_RACE_STATES or _sqlite_name_of(error).startswith(_LOST_RACE_NAMES)


def _is_duplicate(error: BaseException) -> bool:
    return _state_of(error) == "23505" or _sqlite_name_of(error).startswith("SQLITE_CONSTRAINT")


def _is_refused(error: BaseException) -> bool:
    if state := _state_of(error):
        return not state.startswith(_BUG_STATES)
    name = _sqlite_name_of(error)
    if name == "SQLITE_ERROR":
        return not any(text in _text_of(error) for text in _BUG_TEXTS)
    return name.startswith(_REFUSED_NAMES)


def code_of(error: BaseException) -> str:
    """Returns the SQLSTATE of an error, or SQLite's name of it; an empty text if it has none."""
    return _state_of(error) or _sqlite_name_of(error)


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
