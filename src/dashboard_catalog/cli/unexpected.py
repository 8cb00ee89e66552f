"""What to say about an argument too many: often it is the kind, as in `list charts` or `get chart superset.sales`."""

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.sources.kinds import Kind

_VERSION = re.compile(r"[0-9]+(\.[0-9]+)?")

Unexpected = Annotated[list[str] | None, typer.Argument(hidden=True, metavar="")]
"""An argument that takes what is too many."""


def unexpected(arguments: Sequence[str]) -> CommandError:
    """Returns the error for arguments of which at least the last is too many."""
    for argument in arguments:
        if kind := _kind(argument):
            return CommandError(f"unexpected argument {argument}: did you mean --kind {kind}?")
    return CommandError(f"unexpected argument {arguments[-1]}; put a name with spaces in quotes")


def version_in(text: str, argument: str, *before: str) -> float:
    """Returns the version that an argument names.

    Args:
        text: The argument.
        argument: Its name.
        before: The arguments before it, of which one may be the kind.

    Raises:
        CommandError: If it is no version.
    """
    if _VERSION.fullmatch(text) and float(text):
        return float(text)
    if any(map(_kind, before)):
        raise unexpected(before)
    raise CommandError(f"{argument} is {text!r}, not a version: expected a number such as 0.3")


def _kind(word: str) -> Kind | None:
    word = word.lower().replace("-", "_")
    return next((kind for kind in Kind if word in {kind, f"{kind}s", f"{kind.removesuffix('y')}ies"}), None)
