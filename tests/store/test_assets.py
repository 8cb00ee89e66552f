"""Assets are read as they were stored, although the reader decodes the values itself instead of SQLAlchemy."""

import dataclasses
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from dashboard_catalog.store.asset_changes import AssetChanges
from dashboard_catalog.store.asset_storing import store_changes
from dashboard_catalog.store.assets import DASHBOARDS
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import CATALOG_ID, DashboardRecord
from tests.store.database_work import storing

ONE, OTHER = UUID(int=1), UUID(int=2**128 - 1)
BARE = DashboardRecord(
    service_id=CATALOG_ID,
    name="d",
    id=ONE,
    change_number=2**53,
    updated_at=datetime(2026, 1, 2, tzinfo=UTC),
    updated_by="",
    by_ingestion=False,
    call_id="",
)
FULL = dataclasses.replace(
    BARE,
    version=11,
    display_name="é",
    description="a\n'b\"",
    source_url="u",
    owners=[OTHER, ONE],
    domain=OTHER,
    tags=[ONE],
    tag_labels={ONE.hex: ["Derived", "Suggested"]},
    extension={"cost": [1.5, None, {"ü": True}]},
    source_hash="h",
    deleted=True,
    deleted_with=ONE,
    deleted_by_edit=True,
    edited={"fields": ["owners"]},
    change={"fields_added": []},
    digest=b"\x00\xff",
    ingested=True,
    updated_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    by_ingestion=True,
    session_id=OTHER,
    dashboard_type="Report",
    project="p",
    charts=[OTHER],
)
VALUES = {
    field.name: getattr(FULL, field.name)
    for field in dataclasses.fields(DashboardRecord)
    if getattr(FULL, field.name) != getattr(BARE, field.name)
}


async def _stored(database: Database) -> DashboardRecord:
    async with database.read() as connection:
        (found,) = await DASHBOARDS.by_names(connection, CATALOG_ID, ["d"])
    return found


@pytest.mark.parametrize("record", [BARE, FULL], ids=["bare", "full"])
async def test_an_asset_is_read_as_it_was_stored(database: Database, record: DashboardRecord) -> None:
    await database.write(storing(DASHBOARDS, record))

    found = await _stored(database)

    assert found == record
    for field in dataclasses.fields(record):
        wanted, got = getattr(record, field.name), getattr(found, field.name)
        # By name, because the UUID has the driver's own subclass.
        assert type(got).__name__ == type(wanted).__name__, field.name


@pytest.mark.parametrize(("name", "value"), VALUES.items(), ids=VALUES)
async def test_a_change_of_each_column_is_stored(database: Database, name: str, value: Any) -> None:
    changed = dataclasses.replace(BARE, **{name: value})
    await database.write(storing(DASHBOARDS, BARE))
    changes = AssetChanges()
    changes.of(DASHBOARDS, CATALOG_ID).change(BARE, changed)
    await database.write(lambda connection: store_changes(connection, changes))

    assert await _stored(database) == changed


async def test_each_record_has_its_own_lists(database: Database) -> None:
    await database.write(storing(DASHBOARDS, FULL))

    (await _stored(database)).owners.append(CATALOG_ID)

    assert (await _stored(database)).owners == FULL.owners


async def test_rows_without_their_large_values_say_how_much_is_missing(database: Database) -> None:
    text, small = "x" * 100_000, "x" * 2_000
    rows: dict[str, dict[str, Any]] = {
        "small": {"description": small, "charts": [OTHER] * 55},
        "wide": {"description": "\N{CHART WITH UPWARDS TREND}" * 501},
        "long": {"description": text},
        "charts": {"charts": [UUID(int=number) for number in range(2_000)]},
        "extension": {"extension": {"k": text}},
        "edited": {"edited": {"tags": [text]}},
        "change": {"change": {"previous": text}},
    }
    records = [dataclasses.replace(FULL, id=uuid4(), name=name, **row) for name, row in rows.items()]
    await database.write(storing(DASHBOARDS, *records))

    async with database.read() as connection:
        found = await DASHBOARDS.partial_by_names(connection, CATALOG_ID, list(rows))
        whole = await DASHBOARDS.whole(connection, records, {"description"})

    partial = {row.record.name: row for row in found}
    assert partial["small"] == (records[0], 0)
    assert 2_000 < partial["wide"].missing < 2_100
    for name in rows.keys() - {"small", "wide"}:
        record, missing = partial[name]
        assert getattr(record, "description" if name == "long" else name) is None
        # Compressed documents may take more or less than expected.
        assert 20_000 < missing < 600_000
    assert {record.name: record for record in whole} == {
        record.name: dataclasses.replace(record, description=None) for record in records
    }
