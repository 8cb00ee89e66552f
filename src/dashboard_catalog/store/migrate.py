"""Migrates a database to the schema of this version, and checks whether it has that schema."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Index
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import SchemaItem

from dashboard_catalog.store.sqlite_file import create_private, sqlite_file
from dashboard_catalog.store.tables import METADATA

T = TypeVar("T")


class SchemaOutdated(Exception):
    """The database lacks migrations of this version."""


class SchemaLater(Exception):
    """The database has a schema that this version does not know, such as that of a later version."""


def upgrade(url: str) -> None:
    """Runs the migrations that the database lacks. Does nothing when there are none.

    Raises:
        SchemaLater: When the database has a later schema; it stays unchanged. A server can run with it, see `check`.
    """
    if (file := sqlite_file(url)) is not None:
        create_private(file)
    current, (head, *older) = _current_and_known(url)
    if current not in (None, head, *older):
        raise SchemaLater(f"the schema is at {current}, which this version does not know: it goes up to {head}")
    command.upgrade(_config(url), "head")


def check(url: str) -> None:
    """Returns when the database has the schema of this version or a later one, since migrations only add.

    Raises:
        SchemaOutdated: When migrations are missing. The message says which schema is there and which is needed.
    """
    current, (head, *older) = _current_and_known(url)
    if current in (None, *older):
        found = f"the schema is at {current}" if current else "the database has no schema yet"
        raise SchemaOutdated(f"{found}, this version needs {head}: run `db upgrade`")


def drift(url: str) -> list[object]:
    """Returns the differences between the tables of the code and those that the migrations have made."""
    return list(asyncio.run(_on_connection(url, _differences)))


def _current_and_known(url: str) -> tuple[str | None, list[str]]:
    """Returns the revision of a database, or None without a schema, and this version's revisions, newest first."""
    scripts = ScriptDirectory.from_config(_config(url))
    return asyncio.run(_on_connection(url, _revision)), [script.revision for script in scripts.walk_revisions()]


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    return config


async def _on_connection(url: str, ask: Callable[[Connection], T]) -> T:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(ask)
    finally:
        await engine.dispose()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _differences(connection: Connection) -> list[object]:
    def is_compared(thing: SchemaItem, _name: str | None, _type: str, _reflected: bool, _other: object) -> bool:
        # SQLite has no GIN indexes.
        on_postgresql_only = isinstance(thing, Index) and thing.dialect_options["postgresql"]["using"]
        return connection.dialect.name == "postgresql" or not on_postgresql_only

    context = MigrationContext.configure(connection, opts={"include_object": is_compared})
    return list(compare_metadata(context, METADATA))
