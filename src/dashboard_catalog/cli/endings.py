"""How a command ends: its exit status, and what it says about an error. One place for all commands.

Exit status 0: success. 1: some items failed or were skipped, or a server is not healthy. 2: wrong use, or the command
failed. 3: nothing to load. 130: Ctrl-C. 141: nobody reads the output any more.
"""

import errno
import os
import traceback
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from dashboard_catalog.cli import output, streams
from dashboard_catalog.cli.main import INTERRUPTED
from dashboard_catalog.environment import APPLICATION, environment_name
from dashboard_catalog.sources.problems import SourceError

FAILED = 2
PIPE_CLOSED = 141

SHOW_TRACEBACK = environment_name("traceback")
"""Environment variable; if it is set, a bug shows its traceback."""


class CommandError(Exception):
    """A command was used wrongly or failed; the text says why, for people.

    Attributes:
        status: Exit status of the command.
    """

    status = FAILED


class Interrupted(CommandError):
    """A command ended because of Ctrl-C; the text says what was done by then."""

    status = INTERRUPTED


def end_with(command: Callable[[], object]) -> NoReturn:
    """Runs a command and ends with its exit status; an exception becomes a text on standard error.

    Raises:
        SystemExit: Always.
    """
    try:
        status = _status_of(command)
        output.flush()
    except BrokenPipeError:
        status = PIPE_CLOSED
    except OSError as error:
        output.complain(_problem(error))
        status = FAILED
    streams.drop_unwritable()
    raise SystemExit(status)


def _status_of(command: Callable[[], object]) -> int:
    try:
        command()
    except SystemExit as ended:
        return _status_of_exit(ended)
    except KeyboardInterrupt:
        return INTERRUPTED
    except CommandError as error:
        output.complain(str(error))
        return error.status
    except SourceError as error:
        output.complain(str(error))
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - a person gets one line, whatever it is
        output.complain(_bug(error))
    return FAILED


def _status_of_exit(ended: SystemExit) -> int:
    if isinstance(cause := ended.__context__, OSError) and cause.errno == errno.EPIPE:
        # Libraries end with status 1 then.
        raise cause
    return ended.code if isinstance(ended.code, int) else 0


def _problem(error: OSError) -> str:
    if error.errno == errno.EBADF:
        return "standard input or output is closed"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)


def _bug(error: Exception) -> str:
    if os.environ.get(SHOW_TRACEBACK):
        return "".join(traceback.format_exception(error)).rstrip()
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if "dashboard_catalog" in frame.filename), frames[-1])
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    return (
        f"this is a bug in {APPLICATION} {version(APPLICATION)}: {type(error).__name__} at {where}.\n"
        f"Please report it with its traceback, which {SHOW_TRACEBACK}=1 shows."
    )
