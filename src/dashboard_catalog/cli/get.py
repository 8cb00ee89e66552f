"""`dashboard-catalog get`: shows one dashboard, chart or entity."""

from typing import Annotated

import typer
from google.protobuf import json_format
from google.protobuf.message import Message

from dashboard_catalog.cli import output
from dashboard_catalog.cli.arguments import KindOption, NameArgument, require_asset
from dashboard_catalog.cli.calls import asset_in, call_asset, stored_entity
from dashboard_catalog.cli.connection import Connection, ConnectionOptions, connect
from dashboard_catalog.cli.options import JsonOption, with_option_groups
from dashboard_catalog.cli.rows import fields_of
from dashboard_catalog.cli.tables import print_fields
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import asset_pb2


@with_option_groups
def get(  # noqa: PLR0917
    name: NameArgument,
    connection: ConnectionOptions,
    kind: KindOption = Kind.DASHBOARD,
    version: Annotated[
        float | None,
        typer.Option(help="Version of a dashboard or chart, such as 0.3. The newest by default."),
    ] = None,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Show the dashboard or chart even if it is soft-deleted.")
    ] = False,
    as_json: JsonOption = False,
    more: Unexpected = None,
) -> None:
    """Show one dashboard, chart or entity."""
    if more:
        raise unexpected([name, *more])
    if version is not None:
        require_asset(kind, "--version")
    with connect(connection) as connected:
        found = _get(connected, kind, name, version, deleted=deleted)
    if as_json:
        output.write_line(json_format.MessageToJson(found, ensure_ascii=False))
        return
    print_fields(list(fields_of(found if kind.is_asset else getattr(found, kind))))


def _get(connected: Connection, kind: Kind, name: str, version: float | None, *, deleted: bool) -> Message:
    """Returns the dashboard, the chart, or the entity in its `Entity` message."""
    seen = asset_pb2.DELETED_INCLUDE if deleted else asset_pb2.DELETED_EXCLUDE
    if not kind.is_asset:
        return stored_entity(connected, kind, name)
    found: Message = asset_in(
        kind, call_asset(connected, kind, "Get{}", fully_qualified_name=name, version=version, deleted=seen)
    )
    return found
