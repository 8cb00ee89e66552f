"""What a write has done to one dashboard, chart or entity, for people or for programs."""

from collections.abc import Iterable
from typing import Any

from dashboard_catalog.cli import output
from dashboard_catalog.cli.versions.field_changes import FieldChanged, entity_changes, field_changes
from dashboard_catalog.cli.versions.headings import version_text
from dashboard_catalog.cli.versions.rendering import Layout, change_lines

_INDENT = 2


def print_asset(verb: str, asset: Any, *, to: str = "", dry_run: bool = False) -> None:
    """Prints a dashboard or chart as a write has left it, and what its newest version has changed.

    Args:
        verb: What was done: `update`.
        asset: The dashboard or chart.
        to: What it was made to: ` to version 0.1`.
        dry_run: Whether nothing was written.
    """
    what = f"{done(verb, dry_run=dry_run)} {asset.fully_qualified_name}{to}"
    _print(f"{what}: version {version_text(asset.version)}", field_changes(asset.change_description))


def print_unchanged(name: str) -> None:
    """Prints that a write found everything as it should be."""
    print_line(f"{name} is unchanged")


def print_entity(verb: str, old: Any, new: Any, *, dry_run: bool = False) -> None:
    """Prints an entity as a write has left it, and what has changed; takes the messages of its kind."""
    _print(f"{done(verb, dry_run=dry_run)} {new.fully_qualified_name}", entity_changes(old, new))


def print_line(text: str) -> None:
    """Prints a line with stored text."""
    output.print_lines([output.printable(text)])


def done(verb: str, *, dry_run: bool) -> str:
    """Returns a verb as the beginning of a sentence about a write: `updated`, or `would update`."""
    if dry_run:
        return f"would {verb}"
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"


def _print(headline: str, changes: Iterable[FieldChanged]) -> None:
    print_line(headline)
    # The headline says already what was deleted or restored.
    others = [one for one in changes if one.name != "deleted"]
    output.print_lines(change_lines(others, Layout(output.width(), indent=_INDENT)))
