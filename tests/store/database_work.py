"""Work for `Database` to run in tests, and ways to look at the results."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from dashboard_catalog.error_codes import Code, Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.asset_changes import AssetChanges
from dashboard_catalog.store.asset_storing import store_changes
from dashboard_catalog.store.assets import AssetTable
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import CATALOG_ID, AssetRecord, ChartRecord

Work = Callable[[WriteConnection], Awaitable[Any]]


def statements(*texts: str) -> Work:
    """Returns work that runs statements."""

    async def work(connection: WriteConnection) -> None:
        for statement in texts:
            await connection.execute(text(statement))

    return work


def storing(table: AssetTable[Any], *records: AssetRecord) -> Work:
    """Returns work that stores new assets."""
    changes = AssetChanges()
    for record in records:
        changes.of(table, record.service_id).create(record)
    return lambda connection: store_changes(connection, changes)


async def rows(database: Database) -> list[tuple[int, int]]:
    """Returns the rows of the table `t`."""
    async with database.read() as connection:
        return [(row.a, row.b) for row in await connection.execute(text("SELECT a, b FROM t ORDER BY a"))]


async def is_lock_awaited(database: Database) -> bool:
    """Returns whether anybody waits for a lock of a PostgreSQL server."""
    async with database.read() as connection:
        waiting = await connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        return bool(waiting.scalar_one())


def query(url: str, statement: str) -> list[Any]:
    """Runs a statement outside an event loop, and returns its rows."""

    async def ask() -> list[Any]:
        engine = create_async_engine(url)
        try:
            async with engine.begin() as connection:
                result = await connection.execute(text(statement))
                return list(result) if result.returns_rows else []
        finally:
            await engine.dispose()

    return asyncio.run(ask())


def check_unavailable(error: CatalogError, reason: Reason) -> None:
    """Asserts that callers may retry an error and that it does not reveal its cause."""
    assert (error.code, error.reason) == (Code.UNAVAILABLE, reason)
    assert error.retry_after
    assert "the text" not in error.message


def chart(name: str = "c") -> ChartRecord:
    """Returns a chart that can be stored."""
    return ChartRecord(
        service_id=CATALOG_ID,
        id=CATALOG_ID,
        name=name,
        change_number=1,
        updated_at=datetime.now(UTC),
        updated_by="",
        by_ingestion=True,
        call_id="",
    )
