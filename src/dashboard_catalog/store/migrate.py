"""Brings a database to the schema of this version, and says whether it is there."""

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

from dashboard_catalog.store.tables import METADATA

T = TypeVar("T")


class SchemaOutdated(Exception):
    """The database is not at the schema of this version."""


class SchemaLater(Exception):
    """The database is at a schema that this version does not know, such as that of a later one."""


def upgrade(url: str) -> None:
    """Runs the migrations that are missing; does nothing when there are none.

    Raises:
        SchemaLater: Nothing has changed then. A server may run with it, see `check`.
    """
    current, (head, *older) = _current_and_known(url)
    if current not in (None, head, *older):
        raise SchemaLater(f"the schema is at {current}, which this version does not know: it goes up to {head}")
    command.upgrade(_config(url), "head")


def check(url: str) -> None:
    """Returns if the database is at the schema of this version, or of a later one: migrations only add.

    Raises:
        SchemaOutdated: With what is missing.
    """
    current, (head, *older) = _current_and_known(url)
    if current in (None, *older):
        raise SchemaOutdated(f"the schema is at {current or 'nothing'}, this version needs {head}: run `db upgrade`")


def drift(url: str) -> list[object]:
    """Returns the differences between the tables in code and those that the migrations made."""
    return list(asyncio.run(_on_connection(url, _differences)))


def _current_and_known(url: str) -> tuple[str | None, list[str]]:
    """Returns the revision of a database, None where there is no schema, and those of this version, newest first."""
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
    def belongs(thing: SchemaItem, _name: str | None, _type: str, _reflected: bool, _other: object) -> bool:
        # SQLite has no GIN; there, lists are searched without an index.
        on_postgresql_only = isinstance(thing, Index) and thing.dialect_options["postgresql"]["using"]
        return connection.dialect.name == "postgresql" or not on_postgresql_only

    context = MigrationContext.configure(connection, opts={"include_object": belongs})
    return list(compare_metadata(context, METADATA))
