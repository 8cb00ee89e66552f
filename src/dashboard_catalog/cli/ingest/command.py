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
from dashboard_catalog.cli.credentials import local_settings
from dashboard_catalog.cli.failures import CommandError
from dashboard_catalog.cli.ingest.loading import Loading
from dashboard_catalog.cli.ingest.progress import progress
from dashboard_catalog.cli.ingest.reading import Reading
from dashboard_catalog.cli.ingest.report import Report
from dashboard_catalog.cli.ingest.swept import Swept
from dashboard_catalog.cli.ingest.unfinished import Unfinished
from dashboard_catalog.cli.options import JsonOption, with_option_groups
from dashboard_catalog.sources.files import Source, digest_of, sources_in
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog_client import LoadOptions
from dashboard_catalog_client.options import MAX_FAILURES

SHOWN_FAILURES = 50
MAX_DELETED_PERCENT = 50
GIVE_UP_SECONDS = 300


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How the items are read and written."""

    kind: Annotated[
        Literal["dashboard", "chart"] | None,
        typer.Option(help="What a body is that could be a dashboard as well as a chart."),
    ] = None
    replace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Write this field also where it is absent, which clears it, such as charts. Repeatable. "
            "A folder that holds dashboards and charts replaces charts by itself.",
        ),
    ] = None
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse items with fields that the catalog does not keep.")
    ] = False
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="SERVICE",
            help="Afterwards delete dashboards and charts of this BI service that are not among what is loaded; only "
            "what ingestion has written, and restored when it is loaded again. A right of its own.",
        ),
    ] = None
    max_deleted_percent: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100,
            metavar="N",
            help="Delete nothing if more than this share of a kind would go.  [default: "
            f"{MAX_DELETED_PERCENT}; with --sweep]",
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything but write; with --sweep, show what would be deleted.")
    ] = False
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the last load of PATH, if it has not come to its end in the last 7 days and PATH and "
            "options are the same; else begin.",
        ),
    ] = False
    override_metadata: Annotated[
        bool,
        typer.Option("--override-metadata", help="Write over what people have decided. A right of its own."),
    ] = False
    max_failures: Annotated[
        int, typer.Option(min=0, max=MAX_FAILURES, help="Stop after more failed items than this.")
    ] = MAX_FAILURES
    all_failures: Annotated[
        bool, typer.Option("--all-failures", help=f"List all failures, not only the first {SHOWN_FAILURES}.")
    ] = False
    give_up_after: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long a lost connection is tried again.")
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
) -> None:
    """Load dashboards, charts and what they refer to.

    An item is {"dashboard": {...}}, {"chart": {...}}, {"entity": {"user": {...}}}, or a bare body as
    OpenMetadata's API takes it. Entities are loaded first, then charts, then dashboards. Loading the
    same again changes nothing.

    A connection that is lost is tried again. What was interrupted otherwise goes on with --resume, also
    another day.

    Exit status: 0 if all is loaded, 1 if some items failed or the sweep was stopped, 2 if it could not
    be done.
    """
    _check(how)
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
    if not report.is_done:
        raise typer.Exit(1)


def _check(how: IngestOptions) -> None:
    if how.max_deleted_percent is not None and how.sweep is None:
        raise CommandError("--max-deleted-percent is for --sweep")
    if how.resume and how.dry_run:
        raise CommandError("--resume goes on with what has been written; --dry-run writes nothing")


def _load(path: str, scratch: Path, how: IngestOptions, connection: ConnectionOptions, report: Report) -> None:
    with connect(connection) as connected:
        sources = sources_in(path, scratch)
        reading = Reading(
            sources,
            None if how.kind is None else Kind(how.kind),
            strict=how.strict,
            sweeps=how.sweep is not None,
            max_failures=how.max_failures,
            report=report,
        )
        options = _options(how, replace_charts=Path(path).is_dir() and _holds_both(reading))
        unfinished = None
        if not how.dry_run:
            fingerprint = _fingerprint(how, options, sources)
            unfinished = Unfinished(local_settings().data_dir, connection.address, path, fingerprint)
        if how.resume and unfinished:
            options |= _resumed(path, unfinished)
        with progress(reading.total) as shown:
            Loading(connected, reading.items(), options, report=report, shown=shown, unfinished=unfinished).run()


def _holds_both(reading: Reading) -> bool:
    return reading.holds(Kind.CHART) and reading.holds(Kind.DASHBOARD)


def _options(how: IngestOptions, *, replace_charts: bool) -> LoadOptions:
    options = LoadOptions(
        override_metadata=how.override_metadata,
        validate_only=how.dry_run,
        max_failures=how.max_failures,
        update_mask=list(dict.fromkeys([*(how.replace or ()), *(["charts"] if replace_charts else ())])),
        give_up_seconds=how.give_up_after,
    )
    if how.sweep is not None:
        percent = MAX_DELETED_PERCENT if how.max_deleted_percent is None else how.max_deleted_percent
        options |= LoadOptions(service=how.sweep, sweep_percent=percent)
    return options


def _fingerprint(how: IngestOptions, options: LoadOptions, sources: Sequence[Source]) -> str:
    """Returns what stands for the items in their order and for how they are written."""
    written = {name: value for name, value in options.items() if name != "give_up_seconds"}
    whole = [version("dashboard-catalog"), how.kind, how.strict, written, digest_of(sources)]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _resumed(path: str, unfinished: Unfinished) -> LoadOptions:
    session_id = unfinished.session()
    if session_id is None:
        output.say(f"no unfinished load of {path} as it is now: beginning")
        return LoadOptions()
    return LoadOptions(session_id=session_id)
