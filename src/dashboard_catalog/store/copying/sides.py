"""The two databases of a copy: which ones suit, and what each error says about them.

The checks have connections of their own, and leave none behind.
"""

import time
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import asyncpg
from sqlalchemy import Connection, exists, not_, select, text
from sqlalchemy.exc import SQLAlchemyError

from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import migrate
from dashboard_catalog.store.driver_errors import DatabaseUnavailable, Refused, cause_of
from dashboard_catalog.store.file_claim import FileInUse, claimed
from dashboard_catalog.store.postgresql_connections import APPLICATION_NAME
from dashboard_catalog.store.records import CATALOG_ID
from dashboard_catalog.store.schema import SchemaError
from dashboard_catalog.store.sqlite_file import is_sqlite, sqlite_file
from dashboard_catalog.store.tables import METADATA, SERVICE_SEQUENCE

# PostgreSQL shows a connection for a moment after it was closed.
_STOPPING_SECONDS = 2.0
_OTHERS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = :name")
_IDENTITY = text(
    "SELECT pg_postmaster_start_time(), current_schema(), oid FROM pg_database WHERE datname = current_database()"
)


class CopyError(Exception):
    """A copy that cannot be made, or that ended early. The message says which database is at fault, for people."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the databases.

    Attributes:
        url: `postgresql+asyncpg://...` or `sqlite+aiosqlite:///FILE`.
        shown: Its URL as people may see it.
    """

    url: str
    shown: str

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Lets errors of this database say so.

        Raises:
            CopyError: For every error of the database inside the block.
        """
        try:
            yield
        except FileInUse as error:
            raise CopyError(str(error)) from error
        except SchemaError as error:
            raise CopyError(f"{self.shown}: {error}") from error
        except CatalogError as error:
            raise CopyError(f"{self.shown}: {_problem(error)}") from error
        except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise CopyError(f"{self.shown} cannot be used: {cause_of(error)}") from error


@contextmanager
def prepared(source: Side, target: Side) -> Iterator[None]:
    """Checks both databases, migrates the target, and keeps servers away from SQLite files during the block.

    Raises:
        CopyError: If the databases do not suit.
    """
    with ExitStack() as claims:
        with source.explained():
            _check_file(source)
            of_source = _identity(source)
            claims.enter_context(_claimed(source))
            _check_source(source)
        with target.explained():
            _check_folder(target)
            if of_source == _identity(target):
                raise CopyError(f"{source.shown} and {target.shown} are the same database")
            claims.enter_context(_claimed(target))
            _prepare_target(target)
        yield


def _problem(error: CatalogError) -> str:
    if isinstance(error, DatabaseUnavailable):
        return error.problem
    if isinstance(error.__cause__, Refused):
        # The other lines show the row.
        return f"the database refuses a row: {error.__cause__.problem.splitlines()[0]}"
    return error.message


def _check_file(source: Side) -> None:
    # SQLite would create it.
    if is_sqlite(source.url) and not sqlite_file(source.url).exists():
        raise CopyError(f"{sqlite_file(source.url)} does not exist")


def _check_folder(target: Side) -> None:
    if is_sqlite(target.url) and not (folder := sqlite_file(target.url).absolute().parent).is_dir():
        raise CopyError(f"the folder {folder} does not exist")


def _identity(side: Side) -> Hashable:
    """Returns something that is the same for two URLs of the same database, and for no others."""
    if not is_sqlite(side.url):
        return tuple(migrate.on_connection(side.url, lambda connection: connection.execute(_IDENTITY).one()))
    file = sqlite_file(side.url).resolve()
    if not file.exists():
        return file
    found = file.stat()
    return found.st_dev, found.st_ino


@contextmanager
def _claimed(side: Side) -> Iterator[None]:
    if is_sqlite(side.url):
        with claimed(side.url):
            yield
        return
    deadline = time.monotonic() + _STOPPING_SECONDS
    while migrate.on_connection(side.url, _others):
        if time.monotonic() > deadline:
            raise CopyError(f"{side.shown} is used by a server: stop it first")
        time.sleep(_STOPPING_SECONDS / 20)
    yield


def _others(connection: Connection) -> int:
    return int(connection.execute(_OTHERS, {"name": APPLICATION_NAME}).scalar_one())


def _check_source(source: Side) -> None:
    if migrate.check(source.url):
        raise CopyError(f"{source.shown} has the schema of a later version: copy it with that version")


def _prepare_target(target: Side) -> None:
    """Migrates the target if it is empty. An unfinished copy has been migrated before."""
    if migrate.holds_unfinished_copy(target.url):
        return
    migrate.upgrade(target.url)
    if filled := migrate.on_connection(target.url, _first_filled):
        raise CopyError(f"{target.shown} is not empty, {filled} has rows: copy into an empty database")


def _first_filled(connection: Connection) -> str | None:
    """Returns the name of a table that has rows, except the row that the migrations add."""
    added = (SERVICE_SEQUENCE.c.service_id == CATALOG_ID) & (SERVICE_SEQUENCE.c.last_change == 0)
    for table in METADATA.sorted_tables:
        rows = select(table).where(not_(added)) if table is SERVICE_SEQUENCE else select(table)
        if connection.execute(select(exists(rows))).scalar_one():
            return table.name
    return None
