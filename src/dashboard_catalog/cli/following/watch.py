"""`dashboard-catalog watch`: prints changes as they happen."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import JsonLineOption, KindsOption, ServicesOption
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.following.positions import load_position, naming_file, save_position
from dashboard_catalog.cli.following.reconnecting import Reconnecting
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.moments import local_time
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.cli.versions.field_changes import field_changes
from dashboard_catalog.cli.versions.headings import version_text
from dashboard_catalog.cli.versions.rendering import Layout, change_lines
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import watch_pb2

_STYLES = {
    "created": "green",
    "updated": "yellow",
    "renamed": "yellow",
    "deleted": "red",
    "restored": "cyan",
    "removed": "bold red",
}
_INDENT = 4
_MOST_LINES_PER_FIELD = 20


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What to print, and from where on."""

    service: ServicesOption = None
    kind: KindsOption = None
    since_beginning: Annotated[
        bool, typer.Option("--since-beginning", help="First print everything that exists, as created.")
    ] = False
    resume_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep the position in this file, and go on from there if it exists: no change is missed. "
            "--since-beginning then counts only for the first time.",
        ),
    ] = None
    until_now: Annotated[
        bool, typer.Option("--until-now", help="End when all changes up to now are printed, instead of waiting.")
    ] = False
    with_diff: Annotated[bool, typer.Option("--diff", help="Also print what was changed.")] = False
    include_state: Annotated[
        bool, typer.Option("--include-state", help="With --json, include the thing as it was after the change.")
    ] = False


@with_option_groups
def watch(
    how: WatchOptions, connection: ConnectionOptions, as_json: JsonLineOption = False, more: Unexpected = None
) -> None:
    """Print changes as they happen, until Ctrl-C.

    If the connection is lost, the command reconnects and misses nothing. With --resume-file it can also be
    stopped and started again: a change is printed again only if the command was killed just then.

    Exit status: 0 with --until-now, 2 if the command failed, 130 after Ctrl-C.
    """
    if more:
        raise unexpected(more)
    if how.with_diff and as_json:
        raise CommandError("give --diff or --json, not both: with --json, --include-state has what was changed")
    if how.include_state and not as_json:
        raise CommandError("--include-state needs --json")
    if how.until_now and not (how.since_beginning or how.resume_file):
        raise CommandError("--until-now needs --since-beginning or --resume-file: nothing changes between now and now")
    token = load_position(how.resume_file)
    with connect(connection) as connected, naming_file(how.resume_file, connected):
        stream = Reconnecting(
            lambda resume_token: _open(connected, how, resume_token),
            give_up_seconds=math.inf,
            say=output.say,
            resume_token=token,
        )
        for message in stream:
            for change in message.changes:
                if as_json:
                    print_message(change)
                else:
                    output.print_lines(_lines(change))
            output.flush()
            save_position(how.resume_file, message.resume_token)
            if message.caught_up and _is_enough(how):
                return


def _is_enough(how: WatchOptions) -> bool:
    """Says whether to end, now that all changes up to now are printed."""
    if not how.until_now and output.notices().is_terminal:
        output.say("Up to date; waiting for changes. Ctrl-C ends this.")
    return how.until_now


def _open(connected: Connection, how: WatchOptions, resume_token: str) -> Any:
    request = watch_pb2.WatchChangesRequest(
        services=how.service or (),
        kinds=[kind.wire for kind in how.kind or ()],
        resume_token=resume_token,
        include_state=how.with_diff or how.include_state,
    )
    if how.since_beginning and not resume_token:
        request.start = watch_pb2.WATCH_START_BEGINNING
    return connected.catalog.WatchChanges(request, metadata=connected.metadata)


def _lines(change: watch_pb2.Change) -> Iterator[Text]:
    yield _heading(change)
    state = change.WhichOneof("state")
    # With --since-beginning, what exists is new to the reader, whatever its version changed.
    if state in {"dashboard", "chart"} and change.type != watch_pb2.CHANGE_TYPE_CREATED:
        described = getattr(change, state).change_description
        # The heading says already what was deleted, restored or renamed.
        changes = [one for one in field_changes(described) if one.name not in {"deleted", "name"}]
        yield from change_lines(changes, Layout(output.width(), _INDENT, _MOST_LINES_PER_FIELD))


def _heading(change: watch_pb2.Change) -> Text:
    kind = Kind.named(change.kind).replace("_", " ")
    what = watch_pb2.ChangeType.Name(change.type).removeprefix("CHANGE_TYPE_").lower()
    how = "ingestion" if change.by_ingestion else "edit"
    former = change.previous_fully_qualified_name
    if former and change.type == watch_pb2.CHANGE_TYPE_UPDATED:
        what = "renamed"
    return Text.assemble(
        (f"{local_time(change.updated_at)}  ", "dim"),
        (f"{what:<8}", _STYLES.get(what, "")),
        f"  {kind} ",
        (output.printable(change.fully_qualified_name), "bold"),
        f" {version_text(change.version)}" if change.version else "",
        output.printable(f", formerly {former}" if former else ""),
        (output.printable(f"  {change.updated_by} ({how})"), "dim"),
    )
