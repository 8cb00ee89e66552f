"""Asks before something is done that cannot be undone."""

import sys

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.endings import CommandError


def ask(question: str, *, yes: bool, otherwise: str) -> None:
    """Returns if the user agrees: with `--yes`, or at the terminal.

    Args:
        question: What to ask.
        yes: Whether the user has agreed already.
        otherwise: What happens if the user does not agree, for the error.

    Raises:
        CommandError: If the user does not agree, or there is no terminal at which to ask.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CommandError(f"{question} There is no terminal to ask at: confirm with --yes.")
    if not typer.confirm(output.printable(question), err=True):
        raise CommandError(otherwise)
