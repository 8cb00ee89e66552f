"""Runs `ingest`: reads everything, prepares the server for it, and loads it. Nothing is written before all is read."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from dashboard_catalog.catalog.model.qualified_names import quote
from dashboard_catalog.cli import output
from dashboard_catalog.cli.connection import Connection
from dashboard_catalog.cli.data_folders import local_data_dir
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.ingest import created
from dashboard_catalog.cli.ingest.failed import Place
from dashboard_catalog.cli.ingest.ingest_options import MAX_DELETED_PERCENT, IngestOptions
from dashboard_catalog.cli.ingest.loading import Loading
from dashboard_catalog.cli.ingest.reading import Reading
from dashboard_catalog.cli.ingest.report import Report
from dashboard_catalog.cli.ingest.source_options import Sources
from dashboard_catalog.cli.ingest.unfinished import Unfinished
from dashboard_catalog.cli.progress import Shown, progress
from dashboard_catalog.sources.detection import Reader
from dashboard_catalog.sources.files.paths import FOLDER_FILES, digest_of, other_files
from dashboard_catalog.sources.items.item_files import ItemFile
from dashboard_catalog.sources.items.own_format import EXPECTED
from dashboard_catalog_client import Item, LoadOptions, item_of
from dashboardcatalog.v1 import bulk_pb2

_TABLES = "csv"
"""What `--from` calls the format whose columns people can map."""


class NothingToLoad(CommandError):
    """The source has no items."""

    status = 3


def run(sources: Sources, scratch: Path, how: IngestOptions, connected: Connection, report: Report) -> None:
    """Loads sources into the server, and fills the report.

    Args:
        sources: What to load.
        scratch: Folder for spools and copies.
        how: How to write it.
        connected: Connection to the server.
        report: Gets the result.

    Raises:
        CommandError: If nothing can be loaded, or the load ends early.
        SourceError: If a source cannot be read.
    """
    reader = Reader(scratch, sources.wishes, sources.options.from_, lambda count: output.say(f"{count:,} items read"))
    # Outside of the progress: it may ask for a password.
    files = [reader.read_server(sources.options.url)] if sources.options.url else []
    with progress() as shown:
        reader.on_read = shown.reading
        files += reader.read_paths(sources.paths)
        _name_unread(files, sources.paths)
        if sources.wishes.columns and _TABLES not in reader.formats:
            raise CommandError("--map is for tables, and no source is one; --from csv reads a file as a table")
        reading = _read(files, how, report, shown)
        report.missing = how.missing or ("drop" if any(file.is_foreign for file in files) else "fail")
        options = _options(reading, how, report.missing)
        first = _prepare(connected, reader, reading, how, report)
        unfinished = None
        if not how.dry_run:
            fingerprint = _fingerprint(how, options, files)
            unfinished = Unfinished(local_data_dir(), connected.options.address, sources.identity, fingerprint)
        if how.resume and unfinished:
            options |= _resumed(report.source_name, unfinished, shown)
        shown.begin(reading.total)
        items = chain(first, reading.items())
        Loading(connected, items, options, report=report, shown=shown, unfinished=unfinished).run()


def _name_unread(files: Iterable[ItemFile], paths: Iterable[str]) -> None:
    if any(file.is_foreign for file in files):
        return
    for path in paths:
        if others := other_files(Path(path)):
            output.say(f"not read: {', '.join(others)} (a folder is read from {', '.join(FOLDER_FILES)})")


def _read(files: Sequence[ItemFile], how: IngestOptions, report: Report, shown: Shown) -> Reading:
    report.previews = how.dry_run and any(file.is_foreign for file in files)
    reading = Reading(
        files,
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
        expected = "" if any(file.is_foreign for file in files) else f". {EXPECTED}"
        raise CommandError(f"nothing can be loaded: {failed.place.name} {failed.failure.message}{expected}")
    return reading


def _prepare(
    connected: Connection,
    reader: Reader,
    reading: Reading,
    how: IngestOptions,
    report: Report,
) -> list[Item]:
    """Creates what items need and the load does not bring; in a dry run, returns it as items instead."""
    wishes = reader.wishes
    wanted = created.wanted_by(reading.files, wishes.service_type) if how.missing == "create" else {}
    if wishes.service is not None and _needs(reading, wishes.service):
        wanted |= created.service_named(wishes.service, reader.service, wishes.service_type)
    missing = created.absent(connected, wanted)
    if not how.dry_run:
        report.created += created.create(connected, missing)
        return []
    items = []
    for number, ((kind, fqn), entity) in enumerate(missing.items()):
        created.check_type(fqn, entity)
        items.append(item_of(bulk_pb2.BulkUpsertItem(entity=entity), Place(-1, number, "what items need")))
        report.count(kind, fqn, items[-1])
    return items


def _needs(reading: Reading, service: str) -> bool:
    """Says whether items belong to a BI service that the sources do not hold."""
    return service not in reading.services and not reading.used_services.isdisjoint((service, quote(service)))


def _options(reading: Reading, how: IngestOptions, missing: str) -> LoadOptions:
    # An exported item has all its fields.
    replaced = ["charts"] if reading.has_all_charts and not how.preserve else []
    options = LoadOptions(
        override_metadata=how.override_metadata,
        preserve=how.preserve,
        validate_only=how.dry_run,
        max_failures=how.max_failures,
        update_mask=list(dict.fromkeys([*(how.replace or ()), *replaced])),
        give_up_seconds=how.give_up_after,
    )
    if missing != "fail":
        options["missing_references"] = bulk_pb2.MissingReferences.Value(f"MISSING_REFERENCES_{missing.upper()}")
    if how.sweep is not None:
        percent = MAX_DELETED_PERCENT if how.max_deleted_percent is None else how.max_deleted_percent
        options |= LoadOptions(service=how.sweep, sweep_percent=percent)
    return options


def _fingerprint(how: IngestOptions, options: LoadOptions, files: Sequence[ItemFile]) -> str:
    """Returns a digest of the items, in their order, and of the options that matter for writing them."""
    written = {name: value for name, value in options.items() if name != "give_up_seconds"}
    whole = [version("dashboard-catalog"), how.strict, written, digest_of(files)]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _resumed(source: str, unfinished: Unfinished, shown: Shown) -> LoadOptions:
    session_id = unfinished.session()
    if session_id is None:
        shown.say(f"no unfinished load of {source} with this content and these options: starting from the beginning")
        return LoadOptions()
    return LoadOptions(session_id=session_id)
