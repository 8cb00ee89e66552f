"""What has changed since an earlier run."""

from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from benchmarks.figures import is_beside
from benchmarks.run import Row, Run

NOISE = 0.05
"""A smaller change says nothing, even if it is larger than what rounds differ by."""

# What differs between any two runs.
_OWN = {"commit", "started", "load at the start"}


class Change(NamedTuple):
    """The change of a row.

    Attributes:
        rate: Change of the rate, as a share of the earlier one.
        server: Change of the server's processor time per item, likewise; None if there was none to speak of.
        is_slower: Whether the rate is lower by more than noise.
    """

    rate: float
    server: float | None
    is_slower: bool


class Changes:
    """Compares a run with an earlier one, row by row."""

    def __init__(self, run: Run, baseline: Run) -> None:
        self._run = run
        self._baseline = baseline
        self._before = {row.key: row for row in baseline.rows}

    def of(self, row: Row) -> Change | None:
        """Returns the change of a row; None if the earlier run does not have it."""
        if row.key not in self._before:
            return None
        before = self._before[row.key]
        rate = row.rate.median / before.rate.median - 1
        server, server_before = row.cpu["server"].median, before.cpu["server"].median
        more = server / server_before - 1 if server_before >= 1 else None
        return Change(rate, more, rate <= -NOISE and not row.rate.overlaps(before.rate))

    def slower(self) -> Iterator[tuple[Row, Change]]:
        """Yields the rows of the catalog's own work that are slower by more than noise."""
        for row in self._run.rows:
            if (change := self.of(row)) and change.is_slower and not is_beside(row.work):
                yield row, change

    def of_machine(self) -> float | None:
        """Returns the median change of the rates of everything else, as a share; None if nothing else is in both."""
        changes = [change.rate for row in self._run.rows if is_beside(row.work) and (change := self.of(row))]
        return median(changes) if changes else None

    def missing(self) -> list[Row]:
        """Returns the rows of the earlier run that this one does not have."""
        measured = {row.key for row in self._run.rows}
        return [row for row in self._baseline.rows if row.key not in measured]

    def conditions(self) -> Iterator[str]:
        """Yields the conditions that differ, apart from those that always do."""
        now, before = self._run.conditions, self._baseline.conditions
        for name in dict.fromkeys([*now, *before]):
            if name not in _OWN and now.get(name) != before.get(name):
                yield f"{name}: {now.get(name, 'unknown')}, and {before.get(name, 'unknown')} in the baseline"
