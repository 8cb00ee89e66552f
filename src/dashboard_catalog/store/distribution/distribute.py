"""Distributes the tables of a catalog over a cluster, one per transaction, and says which are not distributed.

What is distributed stays so. So an interrupted distribution goes on where it stopped, and one that follows a migration
does only what is new. A transaction that does not commit leaves its table as it was, with all rows.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, func, select, text

from dashboard_catalog.store import migrate
from dashboard_catalog.store.distribution.cluster import Cluster, has_extension, problems_of, read_cluster
from dashboard_catalog.store.distribution.placement import FIRST_TABLE, placed_tables
from dashboard_catalog.store.distribution.plan import Step, left_behind, misplaced, plan
from dashboard_catalog.store.distribution.states import read_states
from dashboard_catalog.store.schema import MIGRATION_LOCK, SchemaError

# What Citus says once per million rows that it has moved.
_MOVED = re.compile(r"Copied (\d+) rows")


class Shown(Protocol):
    """Shows the progress of a distribution."""

    def begin(self, total: int) -> None:
        """Shows that this many rows are to be moved."""

    def done(self, rows: int) -> None:
        """Shows the number of rows that have been moved."""

    def say(self, text: str) -> None:
        """Shows what has been done."""


@dataclass(frozen=True, slots=True)
class Distributed:
    """What there is after a distribution.

    Attributes:
        workers: The number of nodes besides the coordinator.
        shards: The number of shards of each distributed table.
        changed: The number of tables that this distribution has changed.
        unchanged: The number of the other tables.
    """

    workers: int
    shards: int
    changed: int
    unchanged: int


def distribute(url: str, shards: int | None, shown: Shown) -> Distributed:
    """Distributes every table that is not distributed yet.

    Args:
        url: `postgresql+asyncpg://...`, of the coordinator.
        shards: Into how many shards to divide each distributed table; None for the cluster's own number, or for what
            there is already.
        shown: Shows the progress.

    Raises:
        SchemaError: If the tables cannot be distributed. Then nothing was changed.
    """
    if migrate.check(url):
        raise SchemaError("the schema is that of a later version: run `db distribute` of that version")
    return migrate.on_connection(url, lambda connection: _Distribution(connection, shards, shown).run())


def undistributed(url: str) -> list[str]:
    """Returns the names of the tables that one node alone keeps, while other tables are distributed.

    Args:
        url: Of a database with the schema of this version. There are no such tables without Citus.
    """

    def find(connection: Connection) -> list[str]:
        return left_behind(placed_tables(), read_states(connection)) if has_extension(connection) else []

    return migrate.on_connection(url, find)


class _Distribution:
    """One run.

    Args:
        connection: To the coordinator, without a transaction.
        shards: As for `distribute`.
        shown: Shows the progress.
    """

    def __init__(self, connection: Connection, shards: int | None, shown: Shown) -> None:
        self._connection = connection
        self._shards = shards
        self._shown = shown
        self._total = self._moved = 0

    def run(self) -> Distributed:
        """Checks everything, then takes one step after another."""
        with self._connection.begin():
            cluster = self._checked()
            steps = self._steps()
            rows = {step.table: self._rows(step.table) for step in steps if step.moves_rows}
        self._total = sum(rows.values())
        self._shown.begin(self._total)
        for step in steps:
            self._take(step)
            moved = rows.get(step.table, 0)
            self._shown.say(
                f"{step.table}: {step.done}" + (f", {moved:,} {'row' if moved == 1 else 'rows'}" if moved else "")
            )
            self._moved += moved
            if moved:
                self._shown.done(self._moved)
        with self._connection.begin():
            shards = read_states(self._connection)[FIRST_TABLE].shards or 0
        return Distributed(cluster.workers, shards, len(steps), len(placed_tables()) - len(steps))

    def _checked(self) -> Cluster:
        cluster = read_cluster(self._connection)
        problems = problems_of(cluster)
        if cluster.version is not None:
            problems += misplaced(placed_tables(), read_states(self._connection), self._shards)
        if problems:
            raise SchemaError("; ".join(problems))
        return cluster

    def _steps(self) -> list[Step]:
        return plan(placed_tables(), read_states(self._connection), self._shards)

    def _rows(self, table: str) -> int:
        return int(self._connection.execute(select(func.count()).select_from(text(table))).scalar_one())

    def _take(self, step: Step) -> None:
        """Takes a step in a transaction of its own, unless another process has taken it meanwhile."""
        with self._connection.begin(), _reporting_rows(self._connection, self._show_moving):
            self._connection.execute(select(func.pg_advisory_xact_lock(bindparam("key", MIGRATION_LOCK))))
            # A large table takes its time, and what Citus says about it is meant for developers.
            for setting in ("statement_timeout = 0", "client_min_messages = debug1"):
                self._connection.execute(text(f"SET LOCAL {setting}"))
            if step in self._steps():
                for statement in step.statements:
                    self._connection.execute(text(statement))

    def _show_moving(self, rows: int) -> None:
        # Rows that were written since they were counted are moved too.
        self._shown.done(min(self._moved + rows, self._total))


@contextmanager
def _reporting_rows(connection: Connection, report: Callable[[int], None]) -> Iterator[None]:
    """Calls `report` with the number of rows of a table that have been moved, while the block moves them."""
    driver: Any = connection.connection.driver_connection

    def on_message(_driver: object, message: Any) -> None:
        if found := _MOVED.fullmatch(message.message):
            report(int(found[1]))

    driver.add_log_listener(on_message)
    try:
        yield
    finally:
        driver.remove_log_listener(on_message)
