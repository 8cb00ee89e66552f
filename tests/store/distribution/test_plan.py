"""What is left to do in a cluster, and what cannot be done, by the state of its tables."""

from dataclasses import replace

from dashboard_catalog.store.distribution.placement import FIRST_TABLE, PlacedTable, Placement, placed_tables
from dashboard_catalog.store.distribution.plan import Step, TableState, left_behind, misplaced, plan

TABLES = placed_tables()
LOCAL = {table.name: TableState() for table in TABLES}
DONE = {
    table.name: TableState(Placement.REFERENCE)
    if table.placement is Placement.REFERENCE
    else TableState(Placement.DISTRIBUTED, column="service_id", colocation=7, shards=32)
    for table in TABLES
}


def test_every_table_of_a_new_cluster_is_placed_and_loses_its_local_rows() -> None:
    steps = plan(TABLES, LOCAL, shards=None)

    assert [step.table for step in steps] == [table.name for table in TABLES]
    assert all(step.moves_rows for step in steps)
    for step in steps:
        *_, creation, emptying = step.statements
        assert creation.startswith(("SELECT create_distributed_table(", "SELECT create_reference_table("))
        assert emptying == f"SELECT truncate_local_data_after_distributing_table('{step.table}')"


def test_all_distributed_tables_are_colocated_with_one_that_is_colocated_with_nothing_else() -> None:
    creations = {step.table: step.statements[-2] for step in plan(TABLES, LOCAL, shards=64)}

    first = creations.pop(FIRST_TABLE)
    assert "colocate_with => 'none', shard_count => 64" in first
    others = [creation for creation in creations.values() if "create_distributed_table" in creation]
    assert len(others) > 5
    assert all(f"'service_id', colocate_with => '{FIRST_TABLE}')" in creation for creation in others)


def test_nothing_is_left_to_do_where_every_table_is_in_its_place() -> None:
    assert plan(TABLES, DONE, shards=None) == []
    assert left_behind(TABLES, DONE) == []
    assert misplaced(TABLES, DONE, shards=32) == []


def test_a_table_of_a_later_migration_is_all_that_is_left() -> None:
    tables = [*TABLES, PlacedTable("later", Placement.DISTRIBUTED)]
    states = DONE | {"later": TableState(sends_changes=False)}

    assert left_behind(tables, states) == ["later"]
    assert plan(tables, states, shards=None) == [
        Step(
            "later",
            "distributed by service_id",
            (
                "ALTER TABLE later REPLICA IDENTITY FULL",
                f"SELECT create_distributed_table('later', 'service_id', colocate_with => '{FIRST_TABLE}')",
                "SELECT truncate_local_data_after_distributing_table('later')",
            ),
            moves_rows=True,
        )
    ]


def test_a_distribution_by_hand_is_completed() -> None:
    states = DONE | {
        "chart": replace(DONE["chart"], has_local_rows=True),
        "chart_reference": replace(DONE["chart_reference"], sends_changes=False),
    }

    # No row moves, so none is counted.
    assert plan(TABLES, states, shards=None) == [
        Step("chart", "completed", ("SELECT truncate_local_data_after_distributing_table('chart')",)),
        Step("chart_reference", "completed", ("ALTER TABLE chart_reference REPLICA IDENTITY FULL",)),
    ]


def test_no_table_is_left_behind_where_none_is_distributed() -> None:
    assert left_behind(TABLES, LOCAL) == []


def test_what_is_distributed_in_another_way_is_named_with_the_way_back() -> None:
    states = DONE | {
        "chart": replace(DONE["chart"], column="name"),
        "dashboard": replace(DONE["dashboard"], colocation=8),
        "entity": replace(DONE["dashboard"]),
        "removed": TableState(Placement.REFERENCE),
    }

    found = misplaced(TABLES, states, shards=None)

    assert [problem.partition(":")[0] for problem in found] == [
        "the table entity is a distributed table, but must be a reference table",
        "the table chart is distributed by name, but must be by service_id",
        f"the table dashboard is not colocated with {FIRST_TABLE}",
        "the table removed is a reference table, but must be a distributed table",
    ]
    assert found[1].endswith(": run `SELECT undistribute_table('chart')`, then `db distribute` again")


def test_another_number_of_shards_and_another_owner_are_refused() -> None:
    states = DONE | {"chart": replace(DONE["chart"], is_owned=False)}

    owner, number = misplaced(TABLES, states, shards=64)

    assert owner == "this role does not own chart: connect as the role that runs `db upgrade`"
    assert number.startswith("the tables have 32 shards already: ")
