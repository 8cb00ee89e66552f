"""One log line per call, written in batches. Each line is also counted in the metrics.

To log each line by itself would take a fifth of the time of a small call. A batch takes a small part of that: its lines
are only rendered, because the other processors of the log would add nothing to them.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from dashboard_catalog import logs
from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.metrics.declared import UNKNOWN, Metrics

# A process that is killed loses the lines of this time.
WAIT_SECONDS = 0.05

# Nothing that a caller could fix.
_LEVELS = {"INTERNAL": logging.ERROR, "UNAVAILABLE": logging.WARNING, "RESOURCE_EXHAUSTED": logging.WARNING}
_REFUSALS = frozenset({Reason.TOO_MANY_CALLS, Reason.TOO_MANY_WATCHERS, Reason.DRAINING})
_UNAUTHENTICATED = frozenset({Reason.TOKEN_MISSING, Reason.TOKEN_MALFORMED, Reason.TOKEN_EXPIRED, Reason.TOKEN_INVALID})
_LEVEL_NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}


class CallLine(NamedTuple):
    """What the log says of one call. A tuple, since a dictionary would cost more between the steps of a call.

    Attributes:
        call_id: Id of the call.
        seconds: Duration.
        method: What was called.
        code: Name of the code that the call ended with.
        reason: Reason of the error, if any.
        subject: The caller, if known.
        peer: Address of the caller.
        quiet: Whether the line is only of interest for debugging.
        more: Further fields, if any.
        trace_id: Id of the trace, if the call is recorded.
        door: The door that it came through, for metrics.
        counts_as: The method for metrics. All that the server does not have share one name, since callers make them up.
    """

    call_id: str
    seconds: float
    method: str
    code: str
    reason: str | None
    subject: str | None
    peer: str
    quiet: bool
    more: Mapping[str, Any] | None = None
    trace_id: str | None = None
    door: str = UNKNOWN
    counts_as: str = UNKNOWN


_TRACE = CallLine._fields.index("trace_id")


class AccessLog:
    """Collects the lines of calls and writes them soon afterwards.

    Args:
        metrics: Counts the calls.
    """

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics()
        self._durations = self._metrics.calls.duration
        # With the time at which each call ended, in nanoseconds.
        self._lines: list[tuple[int, CallLine]] = []

    def add(self, line: CallLine) -> None:
        """Takes the line of a call that has just ended."""
        if not self._lines:
            asyncio.get_running_loop().call_later(WAIT_SECONDS, self.flush)
        self._lines.append((time.time_ns(), line))
        trace_id = line.trace_id
        self._durations.labels(line.door, line.counts_as, line.code).observe(
            line.seconds, {"trace_id": trace_id, "call_id": line.call_id} if trace_id else None
        )
        if line.reason is not None:
            self._count_reason(line.reason)

    def deny(self, denial: ActionDenied, call_id: str) -> None:
        """Writes the audit line of a denial that a call is answered with."""
        denial.log(call_id, self._metrics.auth)

    def _count_reason(self, reason: str) -> None:
        if reason in _REFUSALS:
            self._metrics.calls.refused.labels(reason).inc()
        elif reason in _UNAUTHENTICATED:
            self._metrics.auth.failures.labels(reason).inc()

    def flush(self) -> None:
        """Writes what has been collected."""
        lines, self._lines = self._lines, []
        logs.write_all([(_level(line), (ended, line)) for ended, line in lines], _fields, _as_json)


def _level(line: CallLine) -> int:
    return logging.DEBUG if line.quiet else _LEVELS.get(line.code, logging.INFO)


def _fields(ended_line: tuple[int, CallLine]) -> dict[str, Any]:
    """Returns the fields of a line, in the order of the log."""
    ended, line = ended_line
    return {
        "call_id": line.call_id,
        **({"trace_id": line.trace_id} if line.trace_id else {}),
        "method": line.method,
        "code": line.code,
        "reason": line.reason,
        "subject": line.subject,
        "peer": line.peer,
        "duration_ms": round(line.seconds * 1_000, 2),
        **(line.more or {}),
        "event": "call",
        "level": _LEVEL_NAMES[_level(line)],
        "timestamp": logs.timestamp(ended),
    }


def _as_json(ended_line: tuple[int, CallLine]) -> str:
    """Returns the same fields as JSON. Takes a third of the time, because most of a line is that of many others."""
    ended, line = ended_line
    if line.more:
        return logs.as_json(_fields(ended_line))
    start, end = _recurring((*line[2:_TRACE], None, *line[_TRACE + 1 :]) if line.trace_id else line[2:])
    # The ids of a call and of a trace have only characters that JSON takes as they are.
    ids = f'{line.call_id}", "trace_id": "{line.trace_id}' if line.trace_id else line.call_id
    milliseconds = round(line.seconds * 1_000, 2)
    return f'{{"call_id": "{ids}{start}"duration_ms": {milliseconds}, {end}{logs.timestamp(ended)}"}}'


@lru_cache(maxsize=1_024)
def _recurring(shape: tuple[Any, ...]) -> tuple[str, str]:
    """Returns what is the same in the lines of many calls: between id and duration, and between duration and time.

    Args:
        shape: All fields of a `CallLine` but the first two, and without a trace.
    """
    line = logs.as_json(_fields((0, CallLine("", 0.0, *shape))))
    # Never found within a value, where a backslash precedes each quote.
    start, end = line.split('"duration_ms": 0.0, ')
    return start.removeprefix('{"call_id": "'), end.removesuffix(f'{logs.timestamp(0)}"}}')
