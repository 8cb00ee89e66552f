"""Whether and when a load goes on after its connection has ended before its time."""

import random
import time

import grpc
import grpc.aio

from dashboard_catalog_client.status import reason_of, status_of

_FIRST_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 10.0
# What gRPC and proxies say of a stream that was cut.
_CUT = frozenset(
    (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    )
)


class Retries:
    """The patience of one load.

    Args:
        give_up_seconds: How long it is tried again without getting on.
        can_renew: Whether another token can be had when one expires.
    """

    def __init__(self, give_up_seconds: float, *, can_renew: bool) -> None:
        self._give_up_seconds = give_up_seconds
        self._can_renew = can_renew
        self.got_on()

    def got_on(self) -> None:
        """Tells that the load has got on: patience begins anew."""
        self._failing_since: float | None = None
        self._attempts = 0
        self._renewed = False

    @property
    def is_first(self) -> bool:
        """Whether the load is about to be tried for the first time since it got on."""
        return self._attempts == 1

    def delay(self, error: grpc.aio.AioRpcError) -> float:
        """Returns how many seconds to wait before the next connection.

        Raises:
            grpc.aio.AioRpcError: The error itself, if another connection would end as this one did.
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
    """Says whether a call ended by no fault of its own: the server is away, or something in between broke it."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return True
    # The catalog always gives details.
    return error.code() in _CUT and status_of(error) is None
