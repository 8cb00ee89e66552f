"""`dashboard-catalog rename`: gives one dashboard, chart or entity another name."""

from typing import Annotated, Any

import typer

from dashboard_catalog.catalog.model.qualified_names import join, split
from dashboard_catalog.cli.arguments import (
    DryRunOption,
    EtagOption,
    JsonLineOption,
    KindOption,
    NameArgument,
    require_asset,
)
from dashboard_catalog.cli.calls import asset_in, call_asset, call_catalog
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.edits.entities import body_of
from dashboard_catalog.cli.edits.result import done, print_line, print_unchanged
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.cli.versions.headings import version_text
from dashboard_catalog.sources.kinds import Kind


@with_option_groups
def rename(  # noqa: PLR0917
    name: NameArgument,
    new_name: Annotated[
        str, typer.Argument(metavar="NEW", help="The new name, without what is before it in FQN, and not quoted.")
    ],
    connection: ConnectionOptions,
    kind: KindOption = Kind.DASHBOARD,
    etag: EtagOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """Give one dashboard, chart or entity another name.

    Its id and its history stay, and everything that refers to it shows the new name. Ingestion that still
    uses the former name reaches it.
    """
    if more:
        raise unexpected([name, new_name, *more])
    if etag:
        require_asset(kind, "--etag")
    _refuse_whole_name(name, new_name)
    fields = {"fully_qualified_name": name, "new_name": new_name, "validate_only": dry_run}
    with connect(connection) as connected:
        renamed = _renamed(connected, kind, etag, fields)
    if as_json:
        print_message(renamed)
    else:
        _print(name, renamed if kind.is_asset else body_of(kind, renamed), kind, dry_run=dry_run)


def _refuse_whole_name(name: str, new_name: str) -> None:
    """Refuses a fully qualified name as the new name: it would become a name with a dot."""
    before = _parent(name)
    if before and new_name.startswith(f"{before}."):
        alone = new_name.removeprefix(f"{before}.")
        raise CommandError(f"NEW is the name alone, without {before}: did you mean {alone}?")


def _parent(name: str) -> str:
    try:
        return join(*split(name)[:-1])
    except ValueError:
        # The server says what is wrong.
        return ""


def _renamed(connected: Connection, kind: Kind, etag: str | None, fields: dict[str, Any]) -> Any:
    if kind.is_asset:
        return asset_in(kind, call_asset(connected, kind, "Rename{}", etag=etag or "", **fields))
    return call_catalog(connected, "RenameEntity", kind=kind.wire, **fields).entity


def _print(name: str, renamed: Any, kind: Kind, *, dry_run: bool) -> None:
    if split(name) == split(renamed.fully_qualified_name):
        print_unchanged(renamed.fully_qualified_name)
        return
    version = f": version {version_text(renamed.version)}" if kind.is_asset else ""
    print_line(f"{done('rename', dry_run=dry_run)} {name} to {renamed.fully_qualified_name}{version}")
