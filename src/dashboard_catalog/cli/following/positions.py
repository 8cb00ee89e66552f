"""Keeps the position in the changes in a file, so that another run of `watch` goes on from there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from dashboard_catalog.cli.connection import Connection
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.failures import failure_of_call
from dashboard_catalog.cli.following.whole_files import whole_file

_MOST_BYTES = 1 << 20
_FIELD = "resume_token"
_EXPIRED = "RESUME_TOKEN_EXPIRED"


def load_position(file: Path | None) -> str:
    """Returns the token that a file holds; empty if there is none yet.

    Raises:
        CommandError: If the file holds something else.
    """
    try:
        token = file.read_text("ascii").strip() if file else ""
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        token = " "
    if len(token) > _MOST_BYTES or any(map(str.isspace, token)):
        raise CommandError(f"{file} does not hold a position in the changes: name another file, or remove it")
    return token


def save_position(file: Path | None, token: str) -> None:
    """Writes a token to a file. Whenever the command is killed, the file holds a whole token."""
    if file is not None and token:
        with whole_file(file) as opened:
            opened.write(f"{token}\n")


@contextmanager
def naming_file(file: Path | None, connected: Connection) -> Iterator[None]:
    """Lets an error of the server about a position say which file holds it, and what to do.

    Raises:
        CommandError: In place of the error of the call.
    """
    try:
        yield
    except grpc.RpcError as error:
        failure = failure_of_call(error)
        refused = any(problem.field == _FIELD for problem in failure.problems)
        if file is None or not (refused or failure.reason == _EXPIRED):
            raise
        what = f"The position is the one in {file}. Remove that file to begin again, or name another one."
        raise CommandError(f"{connected.explain(error)}\n{what}") from error
