"""Runs the migrations up to a revision in one transaction, on the database that `store.migrate` has configured."""

import asyncio

from alembic import context
from sqlalchemy import Connection, bindparam, func, select

from dashboard_catalog.store.schema import MIGRATION_LOCK, find_schema
from dashboard_catalog.store.single_connection import single_connection
from dashboard_catalog.store.tables import METADATA, VERSION_TABLE


def _run(connection: Connection) -> None:
    _lock(connection)
    context.configure(
        connection=connection, target_metadata=METADATA, version_table=VERSION_TABLE, transactional_ddl=True
    )
    with context.begin_transaction():
        found = find_schema(connection, context.script)
        if found.revision and not found.is_recorded:
            context.get_context().stamp(context.script, found.revision)
        context.run_migrations()


def _lock(connection: Connection) -> None:
    """Waits until no other process migrates the database."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(bindparam("key", MIGRATION_LOCK))))
    else:
        # The driver would not begin a transaction before the first INSERT.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _connect_and_run(url: str) -> None:
    async with single_connection(url) as connection, connection.begin():
        await connection.run_sync(_run)


asyncio.run(_connect_and_run(context.config.attributes["url"]))
