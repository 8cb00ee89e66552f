"""A database that whoever runs the tests provides: PostgreSQL itself, or something that speaks its language.

The tests use it instead of the PostgreSQL that they would start. They delete all that it holds, again and again.
"""

import asyncio
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import asyncpg

from dashboard_catalog.settings import Settings
from dashboard_catalog.store import migrate
from dashboard_catalog.store.records import CATALOG_ID
from dashboard_catalog.store.tables import METADATA, SERVICE_SEQUENCE

T = TypeVar("T")

VARIABLE = "DASHBOARD_CATALOG_TEST_DATABASE_URL"
"""Environment variable with its URL."""

# Read now, because fixtures remove the variables of the catalog.
GIVEN_URL = os.environ.get(VARIABLE)
"""Its URL; None without one."""

# Whoever sets the variable by mistake must not lose a catalog.
_IN_ITS_NAME = "test"


class GivenDatabase:
    """The database, which must have the schema of this version.

    Args:
        url: As in `DATABASE_URL`.

    Raises:
        ValueError: If the tests may not use it. The text says why.
    """

    def __init__(self, url: str) -> None:
        self.url = Settings.load({"database_url": url}).database_url
        self._driver_url = self.url.replace("+asyncpg", "", 1)
        name = _run(self._value("SELECT current_database()"))
        if _IN_ITS_NAME not in name:
            raise ValueError(f"the tests delete everything in the database, so its name must contain `{_IN_ITS_NAME}`")
        migrate.check(self.url)

    def renewed(self) -> str:
        """Returns its URL, after everything that earlier tests have left in it is gone."""
        _run(self._renew())
        return self.url

    def keep(self) -> None:
        """Remembers nothing."""

    def put_back(self) -> bool:
        """Returns False: there is nothing to put back."""
        return False

    def close(self) -> None:
        """Leaves it as it was found."""
        self.renewed()

    async def _value(self, statement: str) -> str:
        connection = await asyncpg.connect(self._driver_url)
        try:
            return str(await connection.fetchval(statement))
        finally:
            await connection.close()

    async def _renew(self) -> None:
        connection = await asyncpg.connect(self._driver_url)
        try:
            for name in METADATA.tables:
                if await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {name})"):
                    await connection.execute(f"DELETE FROM {name}")
            # The row that the migrations add.
            insertion = f"INSERT INTO {SERVICE_SEQUENCE.name} (service_id, last_change) VALUES ($1, 0)"
            await connection.execute(insertion, CATALOG_ID)
        finally:
            await connection.close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Returns what a coroutine returns. Tests call this while the loop of this thread runs, too."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
