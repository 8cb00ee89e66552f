"""The share of the server that one caller may take, so that no token can shut out the others.

It counts the calls of one process by their subject, and knows nothing about what they do.
"""

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError


class Shares:
    """Lets every caller have at most `calls` calls at once, and among them at most `streams` streams."""

    def __init__(self, calls: int, streams: int) -> None:
        self._calls = calls
        self._streams = streams
        self._calls_of: dict[str, int] = {}
        self._streams_of: dict[str, int] = {}

    def enter(self, subject: str, *, streams: bool) -> None:
        """Counts a call that begins. `leave` must follow.

        Args:
            streams: Whether the call is a stream.

        Raises:
            CatalogError: TOO_MANY_CALLS. Then the call is not counted.
        """
        if self._calls_of.get(subject, 0) >= self._calls:
            raise _too_many(subject, "caller", f"{self._calls} calls", self._calls)
        if streams:
            if self._streams_of.get(subject, 0) >= self._streams:
                raise _too_many(subject, "caller_streams", f"{self._streams} streams", self._streams)
            self._streams_of[subject] = self._streams_of.get(subject, 0) + 1
        self._calls_of[subject] = self._calls_of.get(subject, 0) + 1

    def leave(self, subject: str, *, streams: bool) -> None:
        """Counts a call that has ended."""
        _decrease(self._calls_of, subject)
        if streams:
            _decrease(self._streams_of, subject)


def _decrease(counts: dict[str, int], subject: str) -> None:
    if counts[subject] == 1:
        del counts[subject]
    else:
        counts[subject] -= 1


def _too_many(subject: str, scope: str, what: str, limit: int) -> CatalogError:
    return CatalogError(
        Reason.TOO_MANY_CALLS,
        f"{subject} has {what} at once already, the most that one caller may have",
        metadata={"limit": str(limit), "scope": scope},
        resource=("caller", subject),
        retry_after=1.0,
    )
