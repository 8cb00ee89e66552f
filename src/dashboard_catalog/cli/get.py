"""`dashboard-catalog get`: shows one dashboard, chart or entity."""

from typing import Annotated, Any

import typer
from google.protobuf import json_format
from google.protobuf.message import Message

from dashboard_catalog.cli import output
from dashboard_catalog.cli.connection import CALL_SECONDS, Connection, ConnectionOptions, connect
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.options import JsonOption, with_option_groups
from dashboard_catalog.cli.rows import fields_of
from dashboard_catalog.cli.tables import print_fields
from dashboard_catalog.cli.unexpected import Unexpected, unexpected
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import asset_pb2, catalog_service_pb2, chart_service_pb2, dashboard_service_pb2


@with_option_groups
def get(  # noqa: PLR0917
    name: Annotated[
        str,
        typer.Argument(
            metavar="FQN", help="Fully qualified name, such as SERVICE.NAME for a dashboard.", show_default=False
        ),
    ],
    connection: ConnectionOptions,
    kind: Annotated[Kind, typer.Option(help="Kind of the dashboard, chart or entity.")] = Kind.DASHBOARD,
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
    if not kind.is_asset and version is not None:
        raise CommandError(f"--version is for dashboards and charts; {kind} has no versions")
    with connect(connection) as connected:
        found = _get(connected, kind, name, version, deleted=deleted)
    if as_json:
        output.write_line(json_format.MessageToJson(found, ensure_ascii=False))
        return
    print_fields(list(fields_of(found if kind.is_asset else getattr(found, kind))))


def _get(connected: Connection, kind: Kind, name: str, version: float | None, *, deleted: bool) -> Message:
    """Returns the dashboard, the chart, or the entity in its `Entity` message."""
    seen = asset_pb2.DELETED_INCLUDE if deleted else asset_pb2.DELETED_EXCLUDE
    ask: Any
    match kind:
        case Kind.DASHBOARD:
            ask = dashboard_service_pb2.GetDashboardRequest(fully_qualified_name=name, version=version, deleted=seen)
            return connected.dashboards.GetDashboard(ask, CALL_SECONDS, connected.metadata).dashboard
        case Kind.CHART:
            ask = chart_service_pb2.GetChartRequest(fully_qualified_name=name, version=version, deleted=seen)
            return connected.charts.GetChart(ask, CALL_SECONDS, connected.metadata).chart
        case _:
            ask = catalog_service_pb2.GetEntityRequest(kind=kind.wire, fully_qualified_name=name)
            return connected.catalog.GetEntity(ask, CALL_SECONDS, connected.metadata).entity
