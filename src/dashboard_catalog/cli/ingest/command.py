"""`dashboard-catalog ingest`: loads files, folders, archives, standard input or a BI tool through BulkUpsert."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.connection import ConnectionOptions, connect
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.ingest.ingest_options import IngestOptions
from dashboard_catalog.cli.ingest.report import Report
from dashboard_catalog.cli.ingest.running import run
from dashboard_catalog.cli.ingest.source_options import SourceOptions, Sources
from dashboard_catalog.cli.ingest.swept import Swept
from dashboard_catalog.cli.options import JsonOption, with_option_groups

SHOWN_FAILURES = 50


@with_option_groups
def ingest(
    source: SourceOptions,
    how: IngestOptions,
    connection: ConnectionOptions,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Files, folders, ZIP archives, or - for standard input: JSON or NDJSON, a folder with service.json, "
            "entities.ndjson, charts.ndjson and dashboards.ndjson, or a format of another tool.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load dashboards, charts and the entities that they refer to.

    An item is {"dashboard": {...}}, {"chart": {...}}, {"entity": {"user": {...}}}, or a bare body as in
    OpenMetadata's API. Entities are loaded first, then charts, then dashboards. Loading the same items
    again changes nothing.

    It also reads what Grafana, Superset, DataHub and OpenMetadata export, and CSV. With --url, it asks a
    Grafana (credentials in GRAFANA_TOKEN) or a Superset (SUPERSET_USERNAME and SUPERSET_PASSWORD).

    If the connection is lost, the command reconnects. After any other interruption, --resume continues
    the load, even days later.

    Exit status: 0 if everything was loaded, 1 if items failed or the sweep was prevented, 2 if the
    command itself failed, 3 if there is nothing to load, 130 after Ctrl-C.
    """
    _check(paths or [], source, how)
    sources = Sources(tuple(dict.fromkeys(paths or ())), source, source.wishes())
    report = Report(sources.name, None if how.all_failures else SHOWN_FAILURES)
    if how.sweep is not None:
        report.swept = Swept(how.sweep)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, connect(connection) as connected:
        run(sources, Path(scratch), how, connected, report)
    report.seconds = time.monotonic() - began
    if as_json:
        report.print_for_programs()
    else:
        report.print_for_people(dry_run=how.dry_run)
        if report.can_be_undone and not how.dry_run:
            output.say(f"Undo this load with: dashboard-catalog revert --session {report.session_id}")
    if not report.is_done:
        raise typer.Exit(1)


def _check(paths: Sequence[str], source: SourceOptions, how: IngestOptions) -> None:
    if "" in paths:
        raise CommandError("PATH is empty: give a file, a folder, or - for standard input")
    if bool(paths) == (source.url is not None):
        raise CommandError("give PATH or --url, not both" if paths else "give a PATH, or --from and --url")
    if how.max_deleted_percent is not None and how.sweep is None:
        raise CommandError("--max-deleted-percent needs --sweep")
    if how.preserve and (how.sweep is not None or how.replace):
        raise CommandError(f"give --preserve or {'--replace' if how.replace else '--sweep'}, not both")
    if how.resume and how.dry_run:
        raise CommandError("give --resume or --dry-run, not both: a dry run writes nothing that could be resumed")
