"""Decides what is to be done so that a cluster keeps each table where it belongs. Knows SQL, but asks no database."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dashboard_catalog.store.distribution.placement import DISTRIBUTION_COLUMN, FIRST_TABLE, PlacedTable, Placement


@dataclass(frozen=True, slots=True)
class TableState:
    """How a cluster keeps a table now.

    Attributes:
        placement: None if all rows are on the coordinator.
        column: The column by which a distributed table is distributed.
        colocation: Distributed tables with the same number are divided in the same way.
        shards: The number of parts that a distributed table is divided into.
        sends_changes: Whether its shards can be moved while rows are changed and deleted: it has a primary key, or all
            of its columns as its replica identity.
        has_local_rows: Whether the coordinator still keeps the rows that the table had before it was distributed.
        is_owned: Whether the role that asks may distribute it.
    """

    placement: Placement | None = None
    column: str | None = None
    colocation: int | None = None
    shards: int | None = None
    sends_changes: bool = True
    has_local_rows: bool = False
    is_owned: bool = True


States = Mapping[str, TableState]
"""The states of all tables, by name."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction does with one table.

    Attributes:
        done: What it has done, for people.
        moves_rows: Whether it moves all rows of the table.
    """

    table: str
    done: str
    statements: tuple[str, ...]
    moves_rows: bool = False


def plan(tables: Iterable[PlacedTable], states: States, shards: int | None) -> list[Step]:
    """Returns the steps that are left, in order; none if every table is where it belongs.

    Args:
        tables: Where the tables belong, in the order of their distribution.
        states: How the cluster keeps them.
        shards: Into how many shards to divide each distributed table; None for the cluster's own number.
    """
    taken = [(table, tuple(_statements(table, states[table.name], shards))) for table in tables]
    return [_step(table, states[table.name], statements) for table, statements in taken if statements]


def left_behind(tables: Iterable[PlacedTable], states: States) -> list[str]:
    """Returns the names of the tables that are not distributed, sorted; none if no table is distributed."""
    local = sorted(table.name for table in tables if states[table.name].placement is None)
    return local if len(local) < len(states) else []


def misplaced(tables: Iterable[PlacedTable], states: States, shards: int | None) -> list[str]:
    """Returns what no step can change: tables that are distributed in another way, or that this role does not own."""
    found = [problem for table in tables for problem in _misplacement(table, states[table.name], states[FIRST_TABLE])]
    if others := sorted(name for name, state in states.items() if not state.is_owned):
        found.append(f"this role does not own {', '.join(others)}: connect as the role that runs `db upgrade`")
    if shards and (there := states[FIRST_TABLE].shards) and there != shards:
        found.append(
            f"the tables have {there} shards already: leave the number out, or change it with"
            f" `SELECT alter_distributed_table('{FIRST_TABLE}', shard_count => {shards}, cascade_to_colocated => true)`"
        )
    return found


def _misplacement(table: PlacedTable, state: TableState, first: TableState) -> Iterator[str]:
    if state.placement is None:
        return
    if state.placement is not table.placement:
        there = f"is a {state.placement} table, but must be a {table.placement} table"
    elif state.placement is Placement.DISTRIBUTED and state.column != DISTRIBUTION_COLUMN:
        there = f"is distributed by {state.column}, but must be by {DISTRIBUTION_COLUMN}"
    elif state.colocation != first.colocation and state.placement is Placement.DISTRIBUTED:
        there = f"is not colocated with {FIRST_TABLE}"
    else:
        return
    yield f"the table {table.name} {there}: run `SELECT undistribute_table('{table.name}')`, then `db distribute` again"


def _step(table: PlacedTable, state: TableState, statements: tuple[str, ...]) -> Step:
    if state.placement is not None:
        return Step(table.name, "completed", statements)
    is_reference = table.placement is Placement.REFERENCE
    done = "copied to every node" if is_reference else f"distributed by {DISTRIBUTION_COLUMN}"
    return Step(table.name, done, statements, moves_rows=True)


def _statements(table: PlacedTable, state: TableState, shards: int | None) -> Iterator[str]:
    if not state.sends_changes:
        yield f"ALTER TABLE {table.name} REPLICA IDENTITY FULL"
    if state.placement is None:
        yield _creation(table, shards)
    # Nobody sees the rows that the coordinator still keeps then.
    if state.placement is None or state.has_local_rows:
        yield f"SELECT truncate_local_data_after_distributing_table('{table.name}')"


def _creation(table: PlacedTable, shards: int | None) -> str:
    if table.placement is Placement.REFERENCE:
        return f"SELECT create_reference_table('{table.name}')"
    options = f"colocate_with => '{FIRST_TABLE}'"
    if table.name == FIRST_TABLE:
        # By default, it would be divided together with tables of other applications that have as many shards.
        options = "colocate_with => 'none'" + (f", shard_count => {shards}" if shards else "")
    return f"SELECT create_distributed_table('{table.name}', '{DISTRIBUTION_COLUMN}', {options})"
