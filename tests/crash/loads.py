"""A load in which some items fail, and a check of what is stored after it, whatever happened meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from sqlalchemy import func, select

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import (
    CHART,
    CHART_HISTORY,
    DASHBOARD,
    DASHBOARD_HISTORY,
    FAILURE,
    SERVICE_SEQUENCE,
    SESSION,
)
from dashboard_catalog_client import connect_async
from dashboard_catalog_client.bulk import BulkLoad
from dashboard_catalog_client.options import LoadOptions
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.entity_pb2 import BiService, Entity

# One in this number of items is refused.
_BAD = 89


class Load:
    """The items of one BI service: the service itself, then dashboards, each after its chart.

    Attributes:
        done: Number of items that the server has acknowledged.
        failed: Names of the items that were reported as refused, in order.
    """

    def __init__(self, count: int, service: str = "s") -> None:
        self.count = count
        self.done = 0
        self.failed: list[str] = []
        self._service = service
        self._limit = count
        self._opened = asyncio.Event()
        self._progressed = asyncio.Event()

    def items(self) -> Iterator[Any]:
        """Yields all items."""
        yield Entity(bi_service=BiService(name=self._service, service_type="Superset"))
        for number in range(1, self.count):
            name = f"{number:06}"
            if self._is_bad(number):
                yield DashboardSpec(name=name, service=self._service, charts=[f"{self._service}.none"])
            elif number % 2:
                yield ChartSpec(name=name, service=self._service, description="Of one.")
            else:
                charts = [] if self._is_bad(number - 1) else [f"{self._service}.{number - 1:06}"]
                yield DashboardSpec(name=name, service=self._service, display_name=f"No. {number}", charts=charts)

    def hold_at(self, limit: int) -> None:
        """Holds back all items from this place on, until the next call."""
        self._limit = limit
        self._opened.set()

    async def wait_for_progress(self) -> None:
        """Waits until the server has acknowledged more items."""
        self._progressed.clear()
        await self._progressed.wait()

    async def released(self) -> AsyncIterator[Any]:
        """Yields the items that are not held back."""
        for place, item in enumerate(self.items()):
            while place >= self._limit:
                self._opened.clear()
                await self._opened.wait()
            yield item

    async def run(self, address: str, token: str, options: LoadOptions) -> BulkLoad:
        """Runs the load to its end."""
        async with connect_async(address, token=token) as catalog:
            load = catalog.bulk_upsert(self.released(), self._note, **options)
            async for failure in load:
                self.failed.append(failure.fqn)
        return load

    def _note(self, done: int) -> None:
        assert done > self.done
        self.done = done
        self._progressed.set()

    def _is_bad(self, number: int) -> bool:
        return number % _BAD == 0

    @property
    def bad(self) -> list[str]:
        """The names of items that must be refused."""
        return [f"{self._service}.{number:06}" for number in range(1, self.count) if self._is_bad(number)]

    @property
    def good(self) -> list[str]:
        """The names, without the service, of items that must be stored."""
        return [f"{number:06}" for number in range(1, self.count) if not self._is_bad(number)]

    async def check(self, load: BulkLoad, database_url: str) -> None:
        """Asserts that every item was written once, into an empty catalog, and every failure was reported once."""
        created = len(self.good) + 1
        assert sorted(self.failed) == self.bad
        assert self.done == self.count
        assert load.summary is not None
        reported = {field.name: value for field, value in load.summary.ListFields()}
        assert reported == {"created": created, "failed": len(self.bad)}

        database = Database(database_url)
        async with database.read() as connection:

            async def rows(*columns: Any) -> list[Any]:
                return [tuple(row) for row in await connection.execute(select(*columns))]

            assets = [row for table in (DASHBOARD, CHART) for row in await rows(table.c.name, table.c.version)]
            assert sorted(assets) == [(name, 1) for name in self.good]
            assert [await rows(func.count(table.c.id)) for table in (DASHBOARD_HISTORY, CHART_HISTORY)] == [[(0,)]] * 2
            # Every change takes a number: the service's from the catalog, each asset's from the service.
            assert sorted(await rows(SERVICE_SEQUENCE.c.last_change)) == [(1,), (created - 1,)]
            assert sorted(await rows(FAILURE.c.fqn)) == [(name,) for name in self.bad]
            counts = {"created": created, "failed": len(self.bad)}
            assert await rows(SESSION.c.next_offset, SESSION.c.counts, SESSION.c.finished) == [
                (self.count, counts, True)
            ]
        await database.close()
