"""Migrates a database to the schema of this version, and checks whether it has that schema."""

import asyncio
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Index, text
from sqlalchemy.schema import SchemaItem

from dashboard_catalog.store.schema import Found, SchemaError, find_schema
from dashboard_catalog.store.single_connection import single_connection
from dashboard_catalog.store.sqlite_file import create_private, is_sqlite, sqlite_file
from dashboard_catalog.store.tables import ENTITY, METADATA, VERSION_TABLE

T = TypeVar("T")

_FOLDER = str(Path(__file__).parent / "migrations")

_ENTITY_COLUMNS = ", ".join(ENTITY.c.keys())
# A server without a feed takes the number of a change of an entity, but leaves no row of the change.
_MISSING_CHANGES = text(
    f"INSERT INTO entity_change ({_ENTITY_COLUMNS}, change, by_ingestion)"  # noqa: S608 - of names of columns
    f" SELECT {_ENTITY_COLUMNS}, CASE WHEN deleted THEN 'deleted'"
    " WHEN EXISTS (SELECT 1 FROM entity_change AS earlier WHERE earlier.id = entity.id) THEN 'updated'"
    " ELSE 'created' END, false FROM entity"
    " WHERE NOT EXISTS (SELECT 1 FROM entity_change AS same WHERE same.change_number = entity.change_number)"
    " ON CONFLICT DO NOTHING"
)


class SchemaOutdated(SchemaError):
    """The database lacks migrations of this version."""


class SchemaLater(SchemaError):
    """The database has the schema of a later version."""


def upgrade(url: str) -> None:
    """Runs the migrations that the database lacks. Does nothing when there are none.

    If it is interrupted, the database has the schema of before or, on PostgreSQL, one between it and that of this
    version. The next upgrade goes on from there.

    It also records the newest change of entities that a server without a feed has written since the last upgrade.

    Raises:
        SchemaLater: When the database has a later schema; it stays unchanged. A server can run with it, see `check`.
        SchemaError: When the catalog cannot use the database; it stays unchanged.
    """
    if is_sqlite(url):
        create_private(sqlite_file(url))
    found, head = _finished(url)
    if not found.is_known:
        raise SchemaLater(f"the schema is at {found.revision}, which this version does not know: it goes up to {head}")
    if not found.is_recorded or found.revision != head:
        for revision in _steps(url, found):
            command.upgrade(_config(url), revision)
        check(url)
    on_connection(url, _record_missing_changes)


def check(url: str) -> bool:
    """Returns when this version can use the schema of the database, and says whether it is that of a later version.

    A later schema can be used, since migrations only add.

    Raises:
        SchemaOutdated: When migrations are missing. The message says which schema is there and which is needed.
        SchemaError: When the catalog cannot use the database.
    """
    found, head = _finished(url)
    if found.is_known and found.revision != head:
        there = f"the schema is at {found.revision}" if found.revision else "the database has no schema yet"
        raise SchemaOutdated(f"{there}, this version needs {head}: run `db upgrade`")
    return not found.is_known


def on_connection(url: str, ask: Callable[[Connection], T]) -> T:
    """Returns what `ask` returns for a connection to the database, which is closed then."""

    async def run() -> T:
        async with single_connection(url) as connection:
            return await connection.run_sync(ask)

    return asyncio.run(run())


def holds_unfinished_copy(url: str) -> bool:
    """Returns whether the database holds a copy that is not complete, with the schema of this version.

    Raises:
        SchemaError: When there is such a copy with another schema, or when the catalog cannot use the database.
    """
    if is_sqlite(url) and not sqlite_file(url).exists():
        return False
    found, head = _found(url)
    if found.is_unfinished and found.revision != head:
        there = f"the schema of the unfinished copy is at {found.revision}, this version needs {head}"
        raise SchemaError(f"{there}: copy into another, empty database")
    return found.is_unfinished


def drift(url: str) -> list[object]:
    """Returns the differences between the tables of the code and those that the migrations have made."""
    return list(on_connection(url, _differences))


def _found(url: str) -> tuple[Found, str]:
    """Returns the schema of a database, and the newest revision of this version."""
    found = on_connection(url, partial(find_schema, scripts=_scripts()))
    return found, str(_scripts().get_current_head())


def _finished(url: str) -> tuple[Found, str]:
    """Returns what `_found` does, for a database that can be used."""
    found, head = _found(url)
    if found.is_unfinished:
        raise SchemaError("the database holds an unfinished copy: run `db copy` with the same databases again")
    return found, head


def _record_missing_changes(connection: Connection) -> None:
    connection.execute(_MISSING_CHANGES)
    connection.commit()


def _steps(url: str, found: Found) -> list[str]:
    """Returns the revisions to migrate to, each in a transaction of its own.

    On PostgreSQL, each migration of a database in use has its own. It ends with what locks out readers, and in a common
    transaction they would wait until the migrations after it are done.
    """
    if is_sqlite(url) or found.revision is None:
        return ["head"]
    missing = _scripts().iterate_revisions("head", found.revision)
    # One is enough to record the revision in the catalog's own table.
    return [script.revision for script in missing][::-1] or ["head"]


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(_FOLDER)


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", _FOLDER)
    config.attributes["url"] = url
    return config


def _differences(connection: Connection) -> list[object]:
    def is_compared(thing: SchemaItem, name: str | None, type_: str, _reflected: bool, _other: object) -> bool:
        if type_ == "table" and name not in METADATA.tables:
            # Of another application.
            return False
        # SQLite has no GIN indexes.
        on_postgresql_only = isinstance(thing, Index) and thing.dialect_options["postgresql"]["using"]
        return connection.dialect.name == "postgresql" or not on_postgresql_only

    options = {"include_object": is_compared, "version_table": VERSION_TABLE}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))
