"""After any change in a transaction, an asset's row, history, references and numbers agree."""

import dataclasses
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select

from dashboard_catalog.store.asset_changes import AssetChanges, KindChanges
from dashboard_catalog.store.asset_storing import store_changes
from dashboard_catalog.store.assets import CHARTS
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import CATALOG_ID, ChartRecord
from dashboard_catalog.store.tables import CHART, CHART_HISTORY, CHART_REFERENCE, SERVICE_SEQUENCE
from tests.conftest import DATABASES
from tests.store.database_work import chart

# A cluster writes some rows in another way.
pytestmark = pytest.mark.parametrize("database_url", [*DATABASES, "cluster"], indirect=True)

ANN, BOB, TAG, KEPT = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)


class Stored(NamedTuple):
    """The stored charts: (id, version, digest) of rows and older versions, (name, target) of references."""

    rows: list[tuple[UUID, int, bytes | None]]
    history: list[tuple[UUID, int, bytes | None]]
    references: list[tuple[str, UUID]]
    last_change: int


class Charts:
    """The charts of a database, which change one transaction at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._begin()

    def _begin(self) -> None:
        self.all = AssetChanges()
        self.all.add_service(CATALOG_ID, 0)
        self.changes: KindChanges[ChartRecord] = self.all.of(CHARTS, CATALOG_ID)

    def new(self, name: str, **values: Any) -> ChartRecord:
        record = dataclasses.replace(chart(name), id=uuid4(), **values)
        self.changes.create(record)
        return record

    def changed(self, record: ChartRecord, **values: Any) -> ChartRecord:
        after = dataclasses.replace(record, version=record.version + 1, **values)
        self.changes.change(record, after)
        return after

    async def forget_reference_to(self, id_: UUID) -> None:
        """Deletes what finds charts by one of their references, so that a test sees what is written again."""
        gone = delete(CHART_REFERENCE).where(CHART_REFERENCE.c.target_id == id_)
        await self._database.write(lambda connection: connection.execute(gone))

    async def store(self) -> Stored:
        """Stores the changes and returns everything that is stored."""

        async def work(connection: WriteConnection) -> Stored:
            await store_changes(connection, self.all)

            async def selected(*columns: Any) -> list[Any]:
                return sorted(map(tuple, await connection.execute(select(*columns))), key=str)

            return Stored(
                await selected(CHART.c.id, CHART.c.version, CHART.c.digest),
                await selected(CHART_HISTORY.c.id, CHART_HISTORY.c.version, CHART_HISTORY.c.digest),
                await selected(CHART_REFERENCE.c.name, CHART_REFERENCE.c.target_id),
                *(await selected(SERVICE_SEQUENCE.c.last_change))[0],
            )

        stored = await self._database.write(work)
        self._begin()
        return stored


@pytest.fixture
def charts(database: Database) -> Charts:
    return Charts(database)


async def test_every_version_is_stored_and_the_last_one_is_in_the_row(charts: Charts) -> None:
    second = charts.changed(charts.new("c", owners=[ANN]), owners=[BOB])
    stored = await charts.store()
    assert stored.rows == [(second.id, 2, None)]
    assert stored.history == [(second.id, 1, None)]
    assert stored.references == [("c", BOB)]

    fourth = charts.changed(charts.changed(second), owners=[ANN])
    stored = await charts.store()
    assert stored.rows == [(fourth.id, 4, None)]
    assert [version for _, version, _ in stored.history] == [1, 2, 3]
    assert stored.references == [("c", ANN)]


async def test_fields_that_changed_without_a_version_are_in_the_older_version(charts: Charts) -> None:
    record = charts.new("c")
    await charts.store()
    record.digest = b"1"
    charts.changes.touch(record)
    assert (await charts.store()).rows == [(record.id, 1, b"1")]

    record.digest = b"2"
    charts.changes.touch(record)
    after = charts.changed(record)
    after.digest = b"3"
    charts.changes.touch(after)
    stored = await charts.store()
    assert stored.rows == [(record.id, 2, b"3")]
    assert stored.history == [(record.id, 1, b"2")]


async def test_a_removed_asset_leaves_nothing_behind(charts: Charts) -> None:
    record = charts.changed(charts.new("c", owners=[ANN]))
    other = charts.changed(charts.new("other", owners=[ANN]))
    await charts.store()

    charts.changes.remove(charts.changed(charts.changed(record, owners=[BOB])))
    stored = await charts.store()
    assert stored.rows == [(other.id, 2, None)]
    assert stored.history == [(other.id, 1, None)]
    assert stored.references == [("other", ANN)]


async def test_an_asset_can_take_the_name_of_one_that_is_removed_with_it(charts: Charts) -> None:
    record = charts.new("c", owners=[ANN])
    await charts.store()
    record.digest = b"1"
    charts.changes.touch(record)
    charts.changes.remove(record)
    created = charts.new("c", owners=[BOB])
    stored = await charts.store()

    assert stored.rows == [(created.id, 1, None)]
    assert stored.references == [("c", BOB)]


async def test_only_the_references_that_differ_are_written(charts: Charts) -> None:
    record = charts.new("c", owners=[ANN], tags=[TAG, KEPT])
    await charts.store()
    await charts.forget_reference_to(ANN)

    changed = charts.changed(record, owners=[ANN, BOB], tags=[KEPT])
    assert (await charts.store()).references == [("c", BOB), ("c", KEPT)]

    charts.changed(changed, deleted=True)
    assert (await charts.store()).references == [("c", ANN), ("c", BOB), ("c", KEPT)]


async def test_assets_can_swap_their_names_and_leave_others_alone(charts: Charts) -> None:
    one, two, other = charts.new("one", owners=[ANN]), charts.new("two", owners=[BOB]), charts.new("other")
    await charts.store()

    charts.changed(charts.changed(one, name="three"), name="two")
    charts.changed(two, name="one")
    stored = await charts.store()

    assert stored.rows == sorted([(one.id, 3, None), (two.id, 2, None), (other.id, 1, None)], key=str)
    assert stored.history == sorted([(one.id, 1, None), (one.id, 2, None), (two.id, 1, None)], key=str)
    assert stored.references == [("one", BOB), ("two", ANN)]


async def test_an_asset_that_is_created_and_removed_together_is_not_stored(charts: Charts) -> None:
    charts.changes.remove(charts.changed(charts.new("c", owners=[ANN])))

    assert await charts.store() == ([], [], [], 0)


async def test_a_service_stores_the_last_number_that_it_gave(charts: Charts) -> None:
    assert [charts.all.next_number(CATALOG_ID) for _ in range(3)] == [1, 2, 3]
    assert (await charts.store()).last_change == 3
    assert (await charts.store()).last_change == 3
