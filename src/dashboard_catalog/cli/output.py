"""Prints for commands: results to standard output, everything else to standard error."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Without a terminal there is no width to fit: a row stays one line, for grep and cut.
_UNLIMITED = 100_000


def results() -> Console:
    """Returns the console of standard output."""
    return _console(stderr=False)


def notices() -> Console:
    """Returns the console of standard error."""
    return _console(stderr=True)


def on_terminal() -> bool:
    """Says whether a person sees the results, and not a program such as grep."""
    return sys.stdout.isatty()


def width() -> int | None:
    """Returns the number of columns of the terminal that shows the results; None if it is none."""
    return results().width if on_terminal() else None


def say(text: str) -> None:
    """Prints a plain text to standard error."""
    notices().print(Text(printable(text)), soft_wrap=True)


def complain(text: str) -> None:
    """Prints the error of a command to standard error, if anybody reads it."""
    with suppress(OSError):
        notices().print(Text.assemble(("Error: ", "bold red"), printable(text)), soft_wrap=True)


def write_line(text: str) -> None:
    """Prints one line for programs to standard output."""
    with naming_standard_output():
        sys.stdout.write(text + "\n")


def flush() -> None:
    """Writes what is still to be written to standard output."""
    with naming_standard_output():
        sys.stdout.flush()


def print_lines(lines: Iterable[Text | str]) -> None:
    """Prints lines to standard output; they are neither wrapped nor cut."""
    console = results()
    with naming_standard_output():
        for line in lines:
            console.print(Text(line) if isinstance(line, str) else line, soft_wrap=True)


@contextmanager
def naming_standard_output() -> Iterator[None]:
    """Lets an error that comes from writing results say so."""
    try:
        yield
    except OSError as error:
        error.filename = "standard output"
        raise


def table(*columns: str) -> Table:
    """Returns an empty table. Its cells wrap and are never cut, so that names can be copied from it."""
    created = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        created.add_column(column, overflow="fold")
    return created


def cell(text: object, style: str = "") -> Text:
    """Returns a cell that shows a text literally, not as markup."""
    return Text(printable(str(text)), style=style)


def printable(text: str) -> str:
    """Returns the text with control characters escaped: stored texts must not control the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _UNLIMITED, highlight=False)
