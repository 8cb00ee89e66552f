"""Where the commands print: results to standard output, all else to standard error."""

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Without a terminal there is no width to fit: one row stays one line, for grep and cut.
_UNLIMITED = 100_000


def results() -> Console:
    """Returns the console of standard output."""
    return _console(stderr=False)


def notices() -> Console:
    """Returns the console of standard error."""
    return _console(stderr=True)


def say(text: str) -> None:
    """Prints one plain text to standard error."""
    notices().print(Text(printable(text)), soft_wrap=True)


def complain(text: str) -> None:
    """Prints why a command failed to standard error."""
    notices().print(Text.assemble(("Error: ", "bold red"), printable(text)), soft_wrap=True)


def write_line(text: str) -> None:
    """Prints one line for programs to standard output, as it is."""
    sys.stdout.write(text + "\n")


def table(*columns: str) -> Table:
    """Returns an empty table whose cells are folded, never cut, so that names can be copied from it."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def cell(text: object, style: str = "") -> Text:
    """Returns a cell that shows `text` as it is, never as markup."""
    return Text(printable(str(text)), style=style)


def printable(text: str) -> str:
    """Returns the text with control characters spelt out: what is stored must not steer a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _UNLIMITED, highlight=False)
