"""The standard streams of the process: they exist, can print every text, and are flushed before the command ends."""

import os
import sys
from io import TextIOWrapper


def open_missing() -> None:
    """Opens standard streams that the caller has closed, so that files and sockets do not take their place.

    Reading from them or printing results fails, as it would without them; what goes to standard error is lost.
    """
    if sys.stdin is None:
        sys.stdin = open(_null(0, os.O_WRONLY), closefd=False)  # noqa: SIM115 - open until the process ends
    if sys.stdout is None:
        sys.stdout = open(_null(1, os.O_RDONLY), "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(_null(2, os.O_WRONLY), "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        # Names in any script, on a terminal with an encoding that does not have it.
        sys.stdout.reconfigure(errors="backslashreplace")


def drop_unwritable() -> None:
    """Forgets what cannot be written; the interpreter would try again when it ends, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def _null(number: int, flags: int) -> int:
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return number
