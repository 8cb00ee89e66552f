"""A database for experiments."""

from collections.abc import AsyncIterator

import pytest

from dashboard_catalog.store.database import Database
from tests.store.database_work import statements


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with a table `t`."""
    database = Database(database_url, pool_size=3)
    await database.write(statements("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)"))
    yield database
    await database.close()
