"""`dashboard-catalog ingest`: loads a folder, a file or standard input through BulkUpsert."""

import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.connection import ConnectionOptions, connect
from dashboard_catalog.cli.data_folders import local_data_dir
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.ingest.loading import Loading
from dashboard_catalog.cli.ingest.reading import Reading
from dashboard_catalog.cli.ingest.report import Report
from dashboard_catalog.cli.ingest.swept import Swept
from dashboard_catalog.cli.ingest.unfinished import Unfinished
from dashboard_catalog.cli.options import JsonOption, with_option_groups
from dashboard_catalog.cli.progress import Shown, progress
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.sources.files import FOLDER_FILES, Source, digest_of, other_files, sources_in
from dashboard_catalog.sources.items import EXPECTED
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog_client import LoadOptions
from dashboard_catalog_client.options import MAX_FAILURES

SHOWN_FAILURES = 50
MAX_DELETED_PERCENT = 50
GIVE_UP_SECONDS = 300


class NothingToLoad(CommandError):
    """The source has no items."""

    status = 3


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How to read and write the items."""

    kind: Annotated[
        Literal["dashboard", "chart"] | None,
        typer.Option(help="Kind of the items that could be a dashboard or a chart."),
    ] = None
    replace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Clear this field, such as charts, in items that do not have it. Repeatable. "
            "A folder with dashboards and charts always replaces charts.",
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
        bool, typer.Option("--dry-run", help="Validate without writing. With --sweep, show what would be deleted.")
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


@with_option_groups
def ingest(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A JSON or NDJSON file, a folder with service.json, entities.ndjson, charts.ndjson and "
            "dashboards.ndjson, or - for standard input.",
            show_default=False,
        ),
    ],
    how: IngestOptions,
    connection: ConnectionOptions,
    as_json: JsonOption = False,
    more: Unexpected = None,
) -> None:
    """Load dashboards, charts and the entities that they refer to.

    An item is {"dashboard": {...}}, {"chart": {...}}, {"entity": {"user": {...}}}, or a bare body as in
    OpenMetadata's API. Entities are loaded first, then charts, then dashboards. Loading the same items
    again changes nothing.

    If the connection is lost, the command reconnects. After any other interruption, --resume continues
    the load, even days later.

    Exit status: 0 if everything was loaded, 1 if items failed or the sweep was prevented, 2 if the
    command itself failed, 3 if there is nothing to load, 130 after Ctrl-C.
    """
    if more:
        raise unexpected([path, *more])
    _check(path, how)
    report = Report(path, None if how.all_failures else SHOWN_FAILURES)
    if how.sweep is not None:
        report.swept = Swept(how.sweep)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        _load(path, Path(scratch), how, connection, report)
    report.seconds = time.monotonic() - began
    if as_json:
        report.print_for_programs()
    else:
        report.print_for_people(dry_run=how.dry_run)
        if report.can_be_undone and not how.dry_run:
            output.say(f"Undo this load with: dashboard-catalog revert --session {report.session_id}")
    if not report.is_done:
        raise typer.Exit(1)


def _check(path: str, how: IngestOptions) -> None:
    if not path:
        raise CommandError("PATH is empty: give a file, a folder, or - for standard input")
    if how.max_deleted_percent is not None and how.sweep is None:
        raise CommandError("--max-deleted-percent needs --sweep")
    if how.preserve and (how.sweep is not None or how.replace):
        raise CommandError(f"give --preserve or {'--replace' if how.replace else '--sweep'}, not both")
    if how.resume and how.dry_run:
        raise CommandError("give --resume or --dry-run, not both: a dry run writes nothing that could be resumed")


def _load(path: str, scratch: Path, how: IngestOptions, connection: ConnectionOptions, report: Report) -> None:
    with connect(connection) as connected:
        sources = sources_in(path, scratch)
        if others := other_files(Path(path)):
            output.say(f"not read: {', '.join(others)} (a folder is read from {', '.join(FOLDER_FILES)})")
        with progress() as shown:
            reading = _read(sources, how, report, shown)
            options = _options(how, replace_charts=Path(path).is_dir() and _holds_both(reading))
            unfinished = None
            if not how.dry_run:
                fingerprint = _fingerprint(how, options, sources)
                unfinished = Unfinished(local_data_dir(), connection.address, path, fingerprint)
            if how.resume and unfinished:
                options |= _resumed(report.source_name, unfinished, shown)
            shown.begin(reading.total)
            Loading(connected, reading.items(), options, report=report, shown=shown, unfinished=unfinished).run()


def _read(sources: list[Source], how: IngestOptions, report: Report, shown: Shown) -> Reading:
    reading = Reading(
        sources,
        None if how.kind is None else Kind(how.kind),
        strict=how.strict,
        sweeps=how.sweep is not None,
        max_failures=how.max_failures,
        report=report,
        on_read=shown.reading,
    )
    if not reading.total:
        raise NothingToLoad(f"there is nothing to load: {report.source_name} has no items")
    if reading.is_unreadable:
        failed = report.failures[0]
        raise CommandError(f"nothing can be loaded: {failed.place.name} {failed.failure.message}. {EXPECTED}")
    return reading


def _holds_both(reading: Reading) -> bool:
    return reading.holds(Kind.CHART) and reading.holds(Kind.DASHBOARD)


def _options(how: IngestOptions, *, replace_charts: bool) -> LoadOptions:
    # An exported item has all its fields.
    replaced = ["charts"] if replace_charts and not how.preserve else []
    options = LoadOptions(
        override_metadata=how.override_metadata,
        preserve=how.preserve,
        validate_only=how.dry_run,
        max_failures=how.max_failures,
        update_mask=list(dict.fromkeys([*(how.replace or ()), *replaced])),
        give_up_seconds=how.give_up_after,
    )
    if how.sweep is not None:
        percent = MAX_DELETED_PERCENT if how.max_deleted_percent is None else how.max_deleted_percent
        options |= LoadOptions(service=how.sweep, sweep_percent=percent)
    return options


def _fingerprint(how: IngestOptions, options: LoadOptions, sources: Sequence[Source]) -> str:
    """Returns a digest of the items, in their order, and of the options that matter for writing them."""
    written = {name: value for name, value in options.items() if name != "give_up_seconds"}
    whole = [version("dashboard-catalog"), how.kind, how.strict, written, digest_of(sources)]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _resumed(source: str, unfinished: Unfinished, shown: Shown) -> LoadOptions:
    session_id = unfinished.session()
    if session_id is None:
        shown.say(f"no unfinished load of {source} with this content and these options: starting from the beginning")
        return LoadOptions()
    return LoadOptions(session_id=session_id)
