"""`dashboard-catalog revert`: puts back what a dashboard or chart was in a version, or what a bulk session wrote."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import (
    AssetKindOption,
    DryRunOption,
    EtagOption,
    JsonLineOption,
    YesOption,
    require_asset,
)
from dashboard_catalog.cli.calls import asset_in, call_asset
from dashboard_catalog.cli.connection import ConnectionOptions, connect
from dashboard_catalog.cli.edits.result import print_asset, print_unchanged
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.sessions.reverting import revert_session
from dashboard_catalog.cli.unexpected import Unexpected, unexpected, version_in
from dashboard_catalog.cli.versions.headings import version_text
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import asset_pb2

_USAGE = "give FQN and VERSION, or --session ID"


@dataclass(frozen=True, slots=True)
class RevertOptions:
    """What to revert, and how."""

    session: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Put back what this bulk session wrote; `sessions` lists them. Asks before."),
    ] = None
    yes: YesOption = False
    etag: EtagOption = None
    dry_run: DryRunOption = False


@with_option_groups
def revert(  # noqa: PLR0917
    how: RevertOptions,
    connection: ConnectionOptions,
    name: Annotated[
        str | None, typer.Argument(metavar="FQN", help="Fully qualified name of the dashboard or chart.")
    ] = None,
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="The version whose fields to write, such as 0.3.")
    ] = None,
    kind: AssetKindOption = Kind.DASHBOARD,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """Put back a version, or what a bulk session wrote.

    Writes the fields of a dashboard or chart as they were in VERSION. With --session, does the same for each
    one that a bulk session wrote; what it created is deleted, and what it deleted is restored. What was
    changed after the session stays as it is. Both make new versions, so they can be reverted too.

    Exit status: 0 if everything was put back, 1 if parts of a session were skipped, 2 if the command itself
    failed, 130 after Ctrl-C.
    """
    if more:
        raise unexpected([*filter(None, (name,)), *more])
    if how.session is not None:
        if name is not None or how.etag:
            raise CommandError(f"{_USAGE}: a session has no FQN and no etag")
        with connect(connection) as connected:
            revert_session(connected, how.session, yes=how.yes, dry_run=how.dry_run, as_json=as_json)
        return
    if name is None or version is None:
        raise CommandError(_USAGE)
    number = version_in(version, "VERSION", name)
    require_asset(kind, "revert")
    with connect(connection) as connected:
        response = call_asset(
            connected,
            kind,
            "Revert{}",
            fully_qualified_name=name,
            version=number,
            etag=how.etag or "",
            validate_only=how.dry_run,
        )
    if as_json:
        print_message(response)
    else:
        _print(response, asset_in(kind, response), number, dry_run=how.dry_run)


def _print(response: Any, asset: Any, version: float, *, dry_run: bool) -> None:
    if response.outcome == asset_pb2.OUTCOME_UNCHANGED:
        print_unchanged(asset.fully_qualified_name)
    else:
        print_asset("revert", asset, to=f" to {version_text(version)}", dry_run=dry_run)
    if response.left_out:
        left_out = ", ".join(response.left_out)
        output.say(f"Left out, because it cannot be used any more: {left_out} (version {version_text(version)} had it)")
