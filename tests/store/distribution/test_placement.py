"""Every table has a place in a cluster, and its keys are such that a cluster accepts it."""

from sqlalchemy import Column, Integer, MetaData, Table

from dashboard_catalog.store.distribution.placement import (
    DISTRIBUTION_COLUMN,
    FIRST_TABLE,
    PlacedTable,
    Placement,
    placed_tables,
)
from dashboard_catalog.store.tables import METADATA, VERSION_TABLE

DISTRIBUTED = [table for table in METADATA.sorted_tables if DISTRIBUTION_COLUMN in table.c]


def test_rows_of_a_bi_service_are_distributed_and_all_else_is_on_every_node() -> None:
    placements = {table.name: table.placement for table in placed_tables()}

    assert placements.keys() == {*METADATA.tables, VERSION_TABLE}
    distributed = {name for name, placement in placements.items() if placement is Placement.DISTRIBUTED}
    assert distributed == {table.name for table in DISTRIBUTED}
    assert not distributed & {"entity", "entity_change", VERSION_TABLE}


def test_the_table_that_others_are_colocated_with_is_distributed_before_them() -> None:
    first = next(table for table in placed_tables() if table.placement is Placement.DISTRIBUTED)

    assert first.name == FIRST_TABLE


def test_a_table_of_a_later_migration_is_placed_by_its_key() -> None:
    later = MetaData()
    Table("of_a_service", later, Column("service_id", Integer(), primary_key=True), Column("n", Integer()))
    Table("repeated", later, Column("service_id", Integer()), Column("target_id", Integer()))
    Table("of_the_catalog", later, Column("id", Integer(), primary_key=True), Column("service_id", Integer()))

    placed = [table for table in placed_tables(later) if table.name != VERSION_TABLE]

    assert placed == [
        PlacedTable("of_the_catalog", Placement.REFERENCE),
        PlacedTable("of_a_service", Placement.DISTRIBUTED),
        PlacedTable("repeated", Placement.DISTRIBUTED),
    ]


def test_whatever_is_unique_in_a_distributed_table_begins_with_the_bi_service() -> None:
    for table in DISTRIBUTED:
        unique = [index.columns for index in table.indexes if index.unique]
        for columns in (table.primary_key.columns, *unique):
            assert [column.name for column in columns][:1] in ([], [DISTRIBUTION_COLUMN]), table.name


def test_foreign_keys_stay_on_one_node() -> None:
    distributed = {table.name for table in DISTRIBUTED}
    for table in METADATA.sorted_tables:
        for key in table.foreign_key_constraints:
            to_distributed = key.referred_table.name in distributed
            assert not to_distributed or (table.name in distributed and DISTRIBUTION_COLUMN in key.column_keys)


def test_nothing_in_a_distributed_table_is_computed_by_its_server() -> None:
    # The nodes would compute different values, or could not.
    for table in METADATA.sorted_tables:
        assert not [column.name for column in table.c if column.identity or column.autoincrement is True], table.name
