"""One log line per call, written in batches.

To log each line by itself would take a fifth of the time of a small call. A batch takes a small part of that: its lines
are only rendered, because the other processors of the log would add nothing to them.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from dashboard_catalog import logs

# A process that is killed loses the lines of this time.
WAIT_SECONDS = 0.05

# Nothing that a caller could fix.
_LEVELS = {"INTERNAL": logging.ERROR, "UNAVAILABLE": logging.WARNING, "RESOURCE_EXHAUSTED": logging.WARNING}
_LEVEL_NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}


class AccessLog:
    """Collects the lines of calls and writes them soon afterwards."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, int, dict[str, Any]]] = []

    def add(self, *, quiet: bool, **line: Any) -> None:
        """Takes the line of a call that has just ended.

        Args:
            quiet: Whether the line is only of interest for debugging.
            line: Fields of the line. `code`, the name of the code that the call ended with, is required.
        """
        if not self._lines:
            asyncio.get_running_loop().call_later(WAIT_SECONDS, self.flush)
        level = logging.DEBUG if quiet else _LEVELS.get(line["code"], logging.INFO)
        self._lines.append((level, time.time_ns(), line))

    def flush(self) -> None:
        """Writes what has been collected."""
        lines, self._lines = self._lines, []
        for level, ended, line in lines:
            line["event"] = "call"
            line["level"] = _LEVEL_NAMES[level]
            line["timestamp"] = _timestamp(ended)
        logs.write_all((level, line) for level, _, line in lines)


def _timestamp(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1_000:06d}Z"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    """Returns the beginning of a timestamp, up to the second: the same for thousands of lines."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
