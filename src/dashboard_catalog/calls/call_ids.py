"""Ids of calls, by which callers and the log name them."""

import itertools
import re
import secrets

_USABLE = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")


class CallIds:
    """Makes ids that are unique among the calls of all processes. A random id per call would cost more."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(12)
        self._numbers = itertools.count()

    def of(self, sent: str | None) -> str:
        """Returns the id that a caller has sent if it is usable, or a new one."""
        return sent if sent and _USABLE.fullmatch(sent) else self.new()

    def new(self) -> str:
        """Returns 32 hexadecimal digits."""
        return f"{self._process}{next(self._numbers):08x}"
