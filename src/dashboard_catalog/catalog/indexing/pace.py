"""Decides when the indexer works, so that it takes nothing from a load that runs."""

from collections import deque

_WINDOW_SECONDS = 3.0
# Fewer changes in that time are indexed at once, whatever it takes: this is how small loads are found early.
_FEW_CHANGES = 1_500
# Changes are a load if indexing them would take more than this part of a processor.
_SHARE = 0.05
# What a change takes until it has been measured, in seconds, and how much of a measurement counts.
_FIRST_COST, _WEIGHT = 0.000_15, 0.2
_MEASURED_CHANGES = 100

PATIENCE_SECONDS = 30.0
"""How long the indexer stands back. After that it works beside the load, with a low priority."""


class Pace:
    """Compares how fast change numbers rise with how fast the indexer is on this machine, as busy as it is."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._cost = _FIRST_COST
        self._standing_since: float | None = None

    def may_work(self, changes: int, now: float) -> bool:
        """Returns whether this is a time to index.

        Args:
            changes: Number of all changes that were ever made, which only rises.
            now: A time that only rises, in seconds.
        """
        self._seen.append((now, changes))
        while now - self._seen[0][0] > _WINDOW_SECONDS:
            self._seen.popleft()
        recent = changes - self._seen[0][1]
        if recent < _FEW_CHANGES or recent * self._cost < _SHARE * _WINDOW_SECONDS:
            self._standing_since = None
            return True
        if self._standing_since is None:
            self._standing_since = now
        return now - self._standing_since >= PATIENCE_SECONDS

    def note(self, changes: int, seconds: float) -> None:
        """Notes how long it took to index a number of changes, unless they are few: a commit takes its time."""
        if changes >= _MEASURED_CHANGES:
            self._cost += _WEIGHT * (seconds / changes - self._cost)
