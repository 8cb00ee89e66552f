"""How often a request to a BI tool is sent again, and after how long."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from dashboard_catalog.sources.problems import SourceError

ATTEMPTS = 5
MAX_RETRY_SECONDS = 60.0
"""The longest wait that a tool may ask for."""

_BACKOFF = wait_random_exponential(multiplier=0.5, max=10)


class Unanswered(Exception):
    """A request that may succeed later.

    Args:
        final: The error if it does not.
        wait: Seconds to wait before, if the tool says.
    """

    def __init__(self, final: SourceError, wait: float | None = None) -> None:
        super().__init__(str(final))
        self.final = final
        self.wait = wait


def retrying(sleep: Callable[[float], None]) -> Retrying:
    """Returns what calls a function again as long as it raises `Unanswered`, up to `ATTEMPTS` times."""
    return Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=_wait,
        retry=retry_if_exception_type(Unanswered),
        sleep=sleep,
        reraise=True,
    )


def _wait(state: RetryCallState) -> float:
    """Returns the seconds before the next attempt: what the tool asks for, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Unanswered) and error.wait is not None:
        return error.wait
    return _BACKOFF(state)


def retry_after(text: str) -> float | None:
    """Returns the seconds in a Retry-After header, which may be a date; None if there are none."""
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
