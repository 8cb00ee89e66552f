"""One connection to a database of either kind, for commands and checks outside of a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from dashboard_catalog.store.postgresql_engines import postgresql_engine
from dashboard_catalog.store.sqlite_file import is_sqlite


@asynccontextmanager
async def single_connection(url: str) -> AsyncIterator[AsyncConnection]:
    """Opens a connection for the block. What is not committed is rolled back.

    Args:
        url: From the settings.
    """
    make_engine = create_async_engine if is_sqlite(url) else postgresql_engine
    engine = make_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()
