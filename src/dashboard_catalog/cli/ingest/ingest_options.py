"""The options of `ingest` that say how items are written."""

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from dashboard_catalog_client.options import MAX_FAILURES

MAX_DELETED_PERCENT = 50
GIVE_UP_SECONDS = 300


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How to write the items."""

    missing: Annotated[
        Literal["fail", "drop", "create"] | None,
        typer.Option(
            help="What becomes of references to what does not exist: the item fails, is written without them, or they "
            "are created.  [default: drop for formats of other tools, otherwise fail]",
            show_default=False,
        ),
    ] = None
    replace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Clear this field, such as charts, in items that do not have it. Repeatable. "
            "A folder with dashboards and charts always replaces charts, and so does every tool but tables.",
        ),
    ] = None
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse items with fields that the catalog does not have.")
    ] = False
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="SERVICE",
            help="Afterwards, delete the dashboards and charts of this BI service that were not loaded, if ingestion "
            "wrote them. A later load restores those that it contains. Requires a separate permission.",
        ),
    ] = None
    max_deleted_percent: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100,
            metavar="N",
            help="Delete nothing if more than this percentage of a kind would be deleted.  [default: "
            f"{MAX_DELETED_PERCENT}; with --sweep]",
        ),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Validate without writing, and show what would be written and, with --sweep, deleted."
        ),
    ] = False
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue the last load of PATH, if it did not end, is at most 7 days old, and neither PATH nor the "
            "options have changed. Otherwise start from the beginning.",
        ),
    ] = False
    override_metadata: Annotated[
        bool,
        typer.Option("--override-metadata", help="Overwrite people's edits. Requires a separate permission."),
    ] = False
    preserve: Annotated[
        bool,
        typer.Option(
            "--preserve",
            help="Load what `export` has written as it was: with ids, versions, marks and deletions. What exists "
            "already fails. Requires a separate permission.",
        ),
    ] = False
    max_failures: Annotated[
        int, typer.Option(min=0, max=MAX_FAILURES, metavar="N", help="Stop if more items than this fail.")
    ] = MAX_FAILURES
    all_failures: Annotated[
        bool, typer.Option("--all-failures", help="List all failures, also those that are alike, with all details.")
    ] = False
    give_up_after: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to try to reconnect after the connection is lost.")
    ] = GIVE_UP_SECONDS
