"""Counts the watchers: calls that wait for changes most of the time, for hours or days.

They cost little while nothing changes. So they take no places from other calls, and there may be many more of them. But
no caller may take all places of watchers.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

S = TypeVar("S", bound=Callable[..., Any])

_RETRY_SECONDS = 10.0


def watches(method: S) -> S:
    """Marks a method of a servicer whose calls are watchers."""
    setattr(method, _MARK, True)
    return method


def is_watch(method: object) -> bool:
    """Says whether the calls of a method are watchers."""
    return getattr(method, _MARK, False) is True


_MARK = "dashboard_catalog_watches"


class Watchers:
    """Lets at most `limit` watchers run at once, half of them of one caller, and none begin once the server drains.

    Args:
        gate: Says when the server drains.
    """

    def __init__(self, gate: Gate, limit: int) -> None:
        self._gate = gate
        self._limit = limit
        self._share = max(1, limit // 2)
        self._running = Counter[str]()

    @property
    def running(self) -> int:
        """Number of watchers that run."""
        return self._running.total()

    def check_room(self) -> None:
        """Returns if another watcher may begin. Does not count it.

        Raises:
            CatalogError: DRAINING or TOO_MANY_WATCHERS.
        """
        self._gate.check_not_draining()
        if self.running >= self._limit:
            text = f"{self._limit} watchers follow the changes already, the most that one process serves"
            raise _too_many(text, self._limit, "server", "watchers")

    def enter(self, subject: str) -> None:
        """Counts a watcher of a caller that begins. `leave` must follow.

        Raises:
            CatalogError: DRAINING or TOO_MANY_WATCHERS. Then it is not counted.
        """
        self.check_room()
        if self._running[subject] >= self._share:
            text = f"{subject} has {self._share} watchers at once already, the most that one caller may have"
            raise _too_many(text, self._share, "caller", subject)
        self._running[subject] += 1

    def leave(self, subject: str) -> None:
        """Counts a watcher of a caller that has ended."""
        self._running[subject] -= 1
        if not self._running[subject]:
            del self._running[subject]


def _too_many(text: str, limit: int, scope: str, name: str) -> CatalogError:
    return CatalogError(
        Reason.TOO_MANY_WATCHERS,
        text,
        metadata={"limit": str(limit), "scope": scope},
        resource=(scope, name),
        retry_after=_RETRY_SECONDS,
    )
