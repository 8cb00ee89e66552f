"""The line above the changes of a version: which it is, when it was written, by whom and how."""

from typing import Any

from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.moments import local_time

SHOWN_FIELDS = ("version", "updated_at", "updated_by", "by_ingestion")
"""The fields of a version that its heading shows."""


def version_text(version: float) -> str:
    """Returns a version as people write it: `0.3`."""
    return f"{version:.1f}"


def heading(version: Any) -> Text:
    """Returns the heading of a dashboard or chart in one of its versions."""
    return Text.assemble(
        (f"version {version_text(version.version)}", "bold yellow"),
        f"  {local_time(version.updated_at)}  ",
        author(version),
    )


def author(version: Any) -> Text:
    """Returns who wrote a version, and whether that was ingestion."""
    how = "ingestion" if version.by_ingestion else "edit"
    return Text.assemble(output.printable(version.updated_by), (f" ({how})", "dim"))
