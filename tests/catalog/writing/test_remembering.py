"""Only what was committed is remembered, and it counts only while the database has not lost it."""

import gc
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.known.remembered import Remembered
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, EntityWrite, SentReference, Verb, Writer
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, ENTITY_KINDS
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.catalog.writing.working_set import WorkingSet
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from tests.service.test_database_refusals import REFUSES_BAD_NAMES
from tests.store.database_work import statements

ADMIN = Principal("admin", frozenset({"admin"}), frozenset(), None, False, None)
EDIT = Writer(principal=ADMIN, ingests=False, call_id="call")


class Server:
    """Writes to a database with a memory of its own, as a server does."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self._pipeline = Pipeline(Authorizer(None), Remembered())

    async def write(self, *writes: AssetWrite | EntityWrite, fails: bool = False) -> list[Any]:
        """Returns the id of each thing that was written, or the reasons why it was refused."""

        async def work(connection: WriteConnection) -> list[Any]:
            results = await self._pipeline.run(connection, Batch(writes))
            if fails:
                raise ZeroDivisionError
            return results

        results = await self.database.write(work)
        return [_reasons(one) if isinstance(one, CatalogError) else one.record.id for one in results]

    async def create_charts(self, *names: str, fails: bool = False) -> list[Any]:
        return await self.write(*[_asset(CHART_KIND, name) for name in names], fails=fails)

    async def refer(self, dashboard: str, chart: str = "c", user: str = "u") -> Any:
        """Creates a dashboard and returns its id, or the reasons why it was refused."""
        values = {"charts": {AssetName("s", chart): 0}, "owners": {SentReference("user", "", user, ""): 0}}
        (result,) = await self.write(_asset(DASHBOARD_KIND, dashboard, **values))
        return result


def _asset(kind: Any, name: str, **values: Any) -> AssetWrite:
    return AssetWrite(kind=kind, verb=Verb.UPSERT, writer=EDIT, key=AssetName("s", name), values=values)


def _entity(kind: str, name: str, **values: Any) -> EntityWrite:
    return EntityWrite(kind=ENTITY_KINDS[kind], writer=EDIT, name=name, values=values)


def _reasons(error: CatalogError) -> list[str]:
    return [str(violation.reason) for violation in error.violations] or [str(error.reason)]


@pytest.fixture
async def servers(database_url: str) -> AsyncIterator[tuple[Server, Server]]:
    """Two servers of one database that has the BI service `s`, its chart `c` and the user `u`."""
    one, other = Server(database_url), Server(database_url)
    await other.write(_entity("bi_service", "s", service_type="Superset"), _entity("user", "u"))
    await other.create_charts("c")
    assert isinstance(await one.refer("d"), UUID)
    yield one, other
    for server in (one, other):
        await server.database.close()


async def test_what_was_rolled_back_is_not_remembered(servers: tuple[Server, Server]) -> None:
    one, other = servers
    with pytest.raises(ZeroDivisionError):
        await one.create_charts("lost", fails=True)
    # Takes the number that the other chart would have had.
    await other.create_charts("kept")

    assert await one.refer("d1", chart="lost") == ["UNKNOWN_REFERENCE"]
    assert isinstance(await one.refer("d2", chart="kept"), UUID)


async def test_what_the_database_refused_is_not_remembered(servers: tuple[Server, Server]) -> None:
    one, other = servers
    refuses = REFUSES_BAD_NAMES["sqlite" if one.database.is_sqlite else "postgresql"]
    await other.database.write(statements(refuses.format(table="chart")))
    assert await one.create_charts("bad") == [["DATABASE_REFUSED"]]
    # Takes the number that the other chart would have had.
    await other.create_charts("kept")

    assert await one.refer("d1", chart="bad") == ["UNKNOWN_REFERENCE"]


async def test_nothing_counts_that_the_database_has_lost(servers: tuple[Server, Server]) -> None:
    one, other = servers
    await other.database.write(statements("CREATE TABLE kept AS SELECT * FROM service_sequence"))
    await other.write(_entity("user", "lost"))
    assert isinstance(await one.refer("d1", user="lost"), UUID)
    await one.create_charts("lost")

    # As after a failover to a standby that was behind. The connections show nothing of it.
    await other.database.write(
        statements(
            "DELETE FROM entity WHERE name = 'lost'",
            "DELETE FROM entity_change WHERE change_number > 2",
            "DELETE FROM chart WHERE name = 'lost'",
            "DELETE FROM dashboard_reference WHERE name = 'd1'",
            "DELETE FROM dashboard WHERE name = 'd1'",
            "DELETE FROM service_sequence",
            "INSERT INTO service_sequence SELECT * FROM kept",
            "DROP TABLE kept",
        )
    )
    # The numbers are again those that `one` has seen.
    await other.write(_entity("user", "kept"))
    await other.create_charts("kept1", "kept2")

    assert await one.refer("d2", chart="lost", user="lost") == ["UNKNOWN_REFERENCE", "UNKNOWN_REFERENCE"]
    assert isinstance(await one.refer("d3", chart="kept1", user="kept"), UUID)


async def test_a_batch_leaves_nothing_to_the_garbage_collector(servers: tuple[Server, Server]) -> None:
    one, _ = servers
    gc.collect()
    gc.disable()
    try:
        await one.create_charts("new")
        assert not [left for left in gc.get_objects() if type(left) is WorkingSet]
    finally:
        gc.enable()
