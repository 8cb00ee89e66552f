"""Keeps the position in the changes in a file, so that another run of `watch` goes on from there."""

from pathlib import Path

from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.following.whole_files import whole_file

_MOST_BYTES = 1 << 20


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
