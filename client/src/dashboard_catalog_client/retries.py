"""Whether and when a load tries again after its connection has ended early."""

import random
import time

import grpc
import grpc.aio

from dashboard_catalog_client.status import reason_of, status_of

_FIRST_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 10.0
# Codes of gRPC and of proxies for a stream that was cut.
_CUT = frozenset(
    (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    )
)


class Retries:
    """The retries of one load.

    Args:
        give_up_seconds: How long to try again without progress.
        can_renew: Whether the load can get another token when one expires.
    """

    def __init__(self, give_up_seconds: float, *, can_renew: bool) -> None:
        self._give_up_seconds = give_up_seconds
        self._can_renew = can_renew
        self.reset()

    def reset(self) -> None:
        """Starts over, after the load has made progress."""
        self._failing_since: float | None = None
        self._attempts = 0
        self._renewed = False

    @property
    def is_first(self) -> bool:
        """Whether this is the first retry since the load made progress."""
        return self._attempts == 1

    def delay(self, error: grpc.aio.AioRpcError) -> float:
        """Returns the number of seconds to wait before the next connection.

        Raises:
            grpc.aio.AioRpcError: The error itself, if it is not worth trying again.
        """
        if self._can_renew and not self._renewed and reason_of(error) == "TOKEN_EXPIRED":
            self._renewed = True
            return 0.0
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if not is_cut(error) or now - self._failing_since > self._give_up_seconds:
            raise error
        most = min(_MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2.0**self._attempts)
        self._attempts += 1
        return random.uniform(most / 2, most)


def is_cut(error: grpc.aio.AioRpcError) -> bool:
    """Says whether a call was cut: the server is away, or something on the way broke the connection."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return True
    # Every error of the catalog itself has details.
    return error.code() in _CUT and status_of(error) is None
