"""`dashboard-catalog export`: writes everything as lines that `ingest --preserve` loads."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import Deleted, KindsOption, ServicesOption
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.following.positions import save_position
from dashboard_catalog.cli.following.reconnecting import Reconnecting
from dashboard_catalog.cli.following.whole_files import whole_file
from dashboard_catalog.cli.json_lines import json_line
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.progress import progress
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboardcatalog.v1 import export_pb2

_STANDARD_OUTPUT = "-"
_GIVE_UP_SECONDS = 300


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export."""

    service: ServicesOption = None
    kind: KindsOption = None
    deleted: Annotated[Deleted, typer.Option(help="Whether to export what is soft-deleted.")] = Deleted.INCLUDE
    watch_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep the position of the export in this file, for `watch --resume-file FILE`."
        ),
    ] = None


@with_option_groups
def export(
    how: ExportOptions,
    connection: ConnectionOptions,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="File to write, or - for standard output.")
    ] = _STANDARD_OUTPUT,
    more: Unexpected = None,
) -> None:
    """Write everything as NDJSON, which `ingest --preserve` loads.

    Each item comes after everything that it refers to. A file is replaced when the export is complete, and
    not before. If the connection is lost, the command reconnects and goes on. Requires a separate
    permission.
    """
    if more:
        raise unexpected([path, *more])
    if not path or Path(path).is_dir():
        raise CommandError(f"PATH is {'a folder' if path else 'empty'}: give a file, or - for standard output")
    with connect(connection) as connected, ExitStack() as opened:
        if path == _STANDARD_OUTPUT:
            items, watch_token = _export(connected, how, output.write_line, lambda _count: None, output.say)
        else:
            shown = opened.enter_context(progress())
            file = opened.enter_context(whole_file(Path(path)))
            items, watch_token = _export(connected, how, lambda line: print(line, file=file), shown.reading, shown.say)
    save_position(how.watch_file, watch_token)
    output.say(f"exported {items:,} item{'' if items == 1 else 's'}{'' if path == _STANDARD_OUTPUT else f' to {path}'}")


def _export(
    connected: Connection,
    how: ExportOptions,
    write: Callable[[str], Any],
    report: Callable[[int], None],
    say: Callable[[str], None],
) -> tuple[int, str]:
    """Writes the items, and returns their number and the token to watch from."""
    count, watch_token = 0, ""
    stream = Reconnecting(
        lambda resume_token: _open(connected, how, resume_token), give_up_seconds=_GIVE_UP_SECONDS, say=say
    )
    for message in stream:
        watch_token = watch_token or message.watch_token
        for item in message.items:
            write(json_line(item))
        count += len(message.items)
        report(count)
    return count, watch_token


def _open(connected: Connection, how: ExportOptions, resume_token: str) -> Any:
    request = export_pb2.ExportCatalogRequest(
        services=how.service or (),
        kinds=[kind.wire for kind in how.kind or ()],
        deleted=how.deleted.wire,
        resume_token=resume_token,
    )
    return connected.catalog.ExportCatalog(request, metadata=connected.metadata)
