"""The entry point of the command. It imports almost nothing, so that Ctrl-C is silent while the rest is loaded."""

import os
import signal
from types import FrameType

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the number of the signal, as in a shell."""


def main() -> None:
    """Runs the command line and ends the process."""
    signal.signal(signal.SIGINT, _end)
    # Imported here, after the line above.
    from dashboard_catalog.cli import streams  # noqa: PLC0415
    from dashboard_catalog.cli.app import app  # noqa: PLC0415
    from dashboard_catalog.environment import APPLICATION  # noqa: PLC0415

    streams.open_missing()
    try:
        # Commands may end in their own way.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        app(prog_name=APPLICATION)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    finally:
        # The command has ended and said so; a Ctrl-C now must not add a traceback.
        signal.signal(signal.SIGINT, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
