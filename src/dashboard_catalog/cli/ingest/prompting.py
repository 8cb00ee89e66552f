"""Asks at the terminal for the credentials of a BI tool."""

import sys
from getpass import getpass

from dashboard_catalog.cli import output


def ask_at_terminal(question: str, *, hidden: bool) -> str | None:
    """Returns what the user types; None if there is no terminal at which to ask."""
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    shown = f"{output.printable(question)}: "
    if not hidden:
        # Not with input(), which writes to standard output.
        print(shown, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().rstrip("\n")
    try:
        return getpass(shown, stream=sys.stderr)
    except EOFError:
        return None
