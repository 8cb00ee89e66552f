"""Records and their tables agree, and the keys allow tables to be distributed by BI service."""

import dataclasses
from typing import Any

import pytest
from sqlalchemy import Table

from dashboard_catalog.store.columns import column_names, record_maker, row_of
from dashboard_catalog.store.records import ChartRecord, DashboardRecord, EntityRecord
from dashboard_catalog.store.tables import CHART, CHART_HISTORY, DASHBOARD, DASHBOARD_HISTORY, ENTITY, METADATA

RECORDS: list[tuple[type[Any], Table]] = [
    (DashboardRecord, DASHBOARD),
    (DashboardRecord, DASHBOARD_HISTORY),
    (ChartRecord, CHART),
    (ChartRecord, CHART_HISTORY),
    (EntityRecord, ENTITY),
]
# Tables of the catalog as a whole; on a cluster every node has a copy.
CATALOG_WIDE = {"entity", "entity_change"}


@pytest.mark.parametrize(("record", "table"), RECORDS, ids=lambda value: getattr(value, "name", ""))
def test_a_record_has_the_columns_of_its_table_in_order(record: type[Any], table: Table) -> None:
    assert column_names(record) == tuple(table.c.keys())
    for field in dataclasses.fields(record):
        column = table.c[field.name]
        optional = field.default is None
        assert (column.nullable, type(column.type)) == (optional, type(field.metadata["type"])), field.name


@pytest.mark.parametrize(("record", "table"), RECORDS, ids=lambda value: getattr(value, "name", ""))
def test_a_record_is_the_same_after_conversion_to_a_row(record: type[Any], table: Table) -> None:
    row = [f"value of {column.name}" for column in table.c]

    made = record_maker(record)(row)

    assert row_of(record)(made) == tuple(row)
    assert all(getattr(made, column.name) == f"value of {column.name}" for column in table.c)


def test_keys_of_tables_of_a_service_begin_with_it() -> None:
    for table in METADATA.sorted_tables:
        keys = [column.name for column in table.primary_key]
        unique = [[column.name for column in index.columns] for index in table.indexes if index.unique]
        if table.name not in CATALOG_WIDE:
            assert all(key[0] == "service_id" for key in (keys, *unique) if key), table.name


def test_a_history_table_has_the_columns_of_its_asset() -> None:
    for table, history in ((DASHBOARD, DASHBOARD_HISTORY), (CHART, CHART_HISTORY)):
        columns = [(column.name, str(column.type), column.nullable) for column in table.c]
        assert [(column.name, str(column.type), column.nullable) for column in history.c] == columns
        assert [column.name for column in history.primary_key] == ["service_id", "id", "version"]
