"""Decides when the indexer works, so that it takes nothing from a load that runs."""

from collections import deque

# A load writes some thousand things a second. Fewer changes are indexed at once: that takes little.
_WINDOW_SECONDS = 3.0
_LOAD_CHANGES = 3_000

PATIENCE_SECONDS = 30.0
"""How long the indexer stands back. After that it works beside the load, with a low priority."""


class Pace:
    """Watches how fast change numbers rise."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
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
        if changes - self._seen[0][1] < _LOAD_CHANGES:
            self._standing_since = None
            return True
        if self._standing_since is None:
            self._standing_since = now
        return now - self._standing_since >= PATIENCE_SECONDS
