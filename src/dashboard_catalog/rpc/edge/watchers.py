"""Counts the watchers: calls that wait for changes most of the time, for hours or days.

They cost little while nothing changes. So they take no places from other calls, and there may be many more of them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.rpc.edge.gate import Gate

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
    """Lets at most `limit` watchers run at once, and none begin once the server drains.

    Args:
        gate: Says when the server drains.
    """

    def __init__(self, gate: Gate, limit: int) -> None:
        self._gate = gate
        self._limit = limit
        self._running = 0

    def check_room(self) -> None:
        """Returns if another watcher may begin. Does not count it.

        Raises:
            CatalogError: DRAINING or TOO_MANY_WATCHERS.
        """
        self._gate.check_not_draining()
        if self._running >= self._limit:
            raise CatalogError(
                Reason.TOO_MANY_WATCHERS,
                f"{self._limit} watchers follow the changes already, the most that one process serves",
                metadata={"limit": str(self._limit)},
                resource=("server", "watchers"),
                retry_after=_RETRY_SECONDS,
            )

    def enter(self) -> None:
        """Counts a watcher that begins. `leave` must follow.

        Raises:
            CatalogError: DRAINING or TOO_MANY_WATCHERS. Then it is not counted.
        """
        self.check_room()
        self._running += 1

    def leave(self) -> None:
        """Counts a watcher that has ended."""
        self._running -= 1
