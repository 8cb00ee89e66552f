"""Calls an RPC by its name: the RPCs of dashboards and charts have the same names and requests."""

from typing import Any

from dashboard_catalog.cli.connection import CALL_SECONDS, Connection
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import catalog_service_pb2, chart_service_pb2, dashboard_service_pb2


def call_asset(connected: Connection, kind: Kind, rpc: str, **fields: Any) -> Any:
    """Calls an RPC of the service of dashboards or of charts.

    Args:
        connected: The connection.
        kind: Dashboard or chart.
        rpc: Name of the RPC with braces for the kind: `List{}Versions`.
        fields: Fields of the request.

    Returns:
        The response.
    """
    name = rpc.format(kind.capitalize())
    if kind is Kind.CHART:
        return _call(connected, connected.charts, chart_service_pb2, name, fields)
    return _call(connected, connected.dashboards, dashboard_service_pb2, name, fields)


def call_catalog(connected: Connection, rpc: str, **fields: Any) -> Any:
    """Calls a unary RPC of CatalogService and returns the response."""
    return _call(connected, connected.catalog, catalog_service_pb2, rpc, fields)


def asset_in(kind: Kind, response: Any) -> Any:
    """Returns the dashboard or chart in a response."""
    return getattr(response, kind)


def _call(connected: Connection, stub: Any, module: Any, name: str, fields: dict[str, Any]) -> Any:
    request = getattr(module, f"{name}Request")(**fields)
    return getattr(stub, name)(request, timeout=CALL_SECONDS, metadata=connected.metadata)
