"""`dashboard-catalog diff`: what changed between two versions of a dashboard or chart."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from google.protobuf.field_mask_pb2 import FieldMask
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import AssetKindOption, JsonLineOption, NameArgument, require_asset
from dashboard_catalog.cli.calls import asset_in, call_asset
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.moments import local_time
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.unexpected import Unexpected, unexpected, version_in
from dashboard_catalog.cli.versions.field_changes import field_changes
from dashboard_catalog.cli.versions.headings import SHOWN_FIELDS, author, version_text
from dashboard_catalog.cli.versions.rendering import Layout, change_lines
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import asset_pb2

_SHOWN = FieldMask(paths=[*SHOWN_FIELDS, "fully_qualified_name", "change_description"])


@with_option_groups
def diff(  # noqa: PLR0917
    name: NameArgument,
    connection: ConnectionOptions,
    from_version: Annotated[
        str | None,
        typer.Argument(metavar="FROM", help="Version to start from, such as 0.3.", show_default="the last but one"),
    ] = None,
    to_version: Annotated[
        str | None, typer.Argument(metavar="TO", help="Version to end with.", show_default="the newest")
    ] = None,
    kind: AssetKindOption = Kind.DASHBOARD,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """Show what changed between two versions of a dashboard or chart.

    Without FROM, shows what the newest version changed. FROM may be the newer version. Also works if the
    dashboard or chart is soft-deleted.
    """
    if more:
        raise unexpected([name, *more])
    require_asset(kind, "diff")
    start, end = (
        None if text is None else version_in(text, argument, name)
        for text, argument in ((from_version, "FROM"), (to_version, "TO"))
    )
    with connect(connection) as connected:
        if start is None:
            described, sides = _newest(connected, kind, name)
        else:
            described, sides = _compared(connected, kind, name, start, end)
    if as_json:
        print_message(described)
        return
    changes = field_changes(described)
    output.print_lines([*_headings(*sides), *change_lines(changes, Layout(output.width()))])
    if not changes:
        output.say("no difference")


def _newest(connected: Connection, kind: Kind, name: str) -> tuple[asset_pb2.ChangeDescription, list[Any]]:
    """Returns what the newest version changed, and the versions before and after.

    The version itself says it: what was imported has no earlier one to compare it with.
    """
    request = {"fully_qualified_name": name, "page_size": 2, "read_mask": _SHOWN}
    newest, *older = call_asset(connected, kind, "List{}Versions", **request).versions
    previous = newest.change_description.previous_version
    if not previous:
        raise CommandError(f"{name} has only version {version_text(newest.version)}")
    before = older[0] if older else type(newest)(fully_qualified_name=newest.fully_qualified_name, version=previous)
    return newest.change_description, [before, newest]


def _compared(
    connected: Connection, kind: Kind, name: str, start: float, end: float | None
) -> tuple[asset_pb2.ChangeDescription, list[Any]]:
    """Returns what changed between two versions, and these. The second one is the newest if it is None."""
    sides = [_version(connected, kind, name, one) for one in (start, end)]
    request = {"fully_qualified_name": name, "from_version": start, "to_version": sides[1].version}
    return call_asset(connected, kind, "Compare{}Versions", **request).change_description, sides


def _version(connected: Connection, kind: Kind, name: str, version: float | None) -> Any:
    """Returns a dashboard or chart in a version; the newest if there is none."""
    response = call_asset(
        connected,
        kind,
        "Get{}",
        fully_qualified_name=name,
        version=version,
        read_mask=_SHOWN,
        deleted=asset_pb2.DELETED_INCLUDE,
    )
    return asset_in(kind, response)


def _headings(old: Any, new: Any) -> Iterator[Text]:
    for sign, one in (("---", old), ("+++", new)):
        what = f"{sign} {output.printable(one.fully_qualified_name)} {version_text(one.version)}"
        if one.HasField("updated_at"):
            yield Text.assemble((what, "bold"), f"  {local_time(one.updated_at)}  ", author(one))
        else:
            yield Text.assemble((what, "bold"), ("  (not stored)", "dim"))
