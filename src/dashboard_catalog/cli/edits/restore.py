"""`dashboard-catalog restore`: brings back what was soft-deleted."""

from dashboard_catalog.cli.arguments import JsonLineOption, KindOption, NameArgument
from dashboard_catalog.cli.calls import asset_in, call_asset, call_catalog, stored_entity
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.edits.entities import body_of, identifying
from dashboard_catalog.cli.edits.result import print_asset, print_entity
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.json_lines import print_message
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.sources.kinds import Kind


@with_option_groups
def restore(
    name: NameArgument,
    connection: ConnectionOptions,
    kind: KindOption = Kind.DASHBOARD,
    as_json: JsonLineOption = False,
    more: Unexpected = None,
) -> None:
    """Restore one soft-deleted dashboard, chart or entity.

    With a dashboard, the charts that were deleted with it are restored too.
    """
    if more:
        raise unexpected([name, *more])
    with connect(connection) as connected:
        if kind.is_asset:
            _restore_asset(connected, kind, name, as_json=as_json)
        else:
            _restore_entity(connected, kind, name, as_json=as_json)


def _restore_asset(connected: Connection, kind: Kind, name: str, *, as_json: bool) -> None:
    asset = asset_in(kind, call_asset(connected, kind, "Restore{}", fully_qualified_name=name))
    if as_json:
        print_message(asset)
    else:
        print_asset("restore", asset)


def _restore_entity(connected: Connection, kind: Kind, name: str, *, as_json: bool) -> None:
    stored = stored_entity(connected, kind, name)
    before = body_of(kind, stored)
    if not before.deleted:
        raise CommandError(f"{name} is not deleted")
    restored = call_catalog(connected, "UpsertEntity", entity=identifying(kind, stored)).entity
    if as_json:
        print_message(restored)
    else:
        print_entity("restore", before, body_of(kind, restored))
