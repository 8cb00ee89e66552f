"""`dashboard-catalog ingest`: loads a folder, a file or standard input through BulkUpsert."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from dashboard_catalog.cli.connection import ConnectionOptions, connect
from dashboard_catalog.cli.kinds import Kind
from dashboard_catalog.cli.options import JsonOption, with_option_groups
from dashboard_catalog.cli.progress import progress
from dashboard_catalog.cli.reading import Reading
from dashboard_catalog.cli.report import Report
from dashboard_catalog.cli.sources import sources_in
from dashboard_catalog.cli.stream import BulkUpload
from dashboard_catalog.client.chunks import chunks_of
from dashboards.v1 import bulk_pb2

MAX_FAILURES = 10_000
SHOWN_FAILURES = 50


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
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Do everything but write.")] = False
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

    Exit status: 0 if all is loaded, 1 if some items failed, 2 if it could not be done.
    """
    report = Report(path, None if how.all_failures else SHOWN_FAILURES)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        _load(path, Path(scratch), how, connection, report)
    report.seconds = time.monotonic() - began
    if as_json:
        report.print_for_programs()
    else:
        report.print_for_people(validate_only=how.validate_only)
    if report.failed or report.stopped:
        raise typer.Exit(1)


def _load(path: str, scratch: Path, how: IngestOptions, connection: ConnectionOptions, report: Report) -> None:
    with connect(connection) as connected:
        reading = Reading(
            sources_in(path, scratch),
            None if how.kind is None else Kind(how.kind),
            strict=how.strict,
            max_failures=how.max_failures,
            report=report,
        )
        options = _options(how, replace_charts=Path(path).is_dir() and _holds_both(reading))
        upload = BulkUpload(connected, options, chunks_of(reading.items()), report)
        with progress(reading.total) as show:
            upload.run(lambda durable: show(durable + report.refused))


def _holds_both(reading: Reading) -> bool:
    return reading.holds(Kind.CHART) and reading.holds(Kind.DASHBOARD)


def _options(how: IngestOptions, *, replace_charts: bool) -> bulk_pb2.BulkUpsertOptions:
    options = bulk_pb2.BulkUpsertOptions(
        override_metadata=how.override_metadata,
        validate_only=how.validate_only,
        max_failures=how.max_failures,
    )
    paths = dict.fromkeys([*(how.replace or ()), *(["charts"] if replace_charts else ())])
    if paths:
        options.update_mask.paths.extend(paths)
    return options
