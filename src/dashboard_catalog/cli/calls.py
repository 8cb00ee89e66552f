"""Calls an RPC by its name: the RPCs of dashboards and charts have the same names and requests."""

from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from dashboard_catalog.cli.connection import CALL_SECONDS, Connection
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import catalog_service_pb2, chart_service_pb2, dashboard_service_pb2, entity_pb2

_DASHBOARDS = dashboard_service_pb2.DESCRIPTOR.services_by_name["DashboardService"]
_CHARTS = chart_service_pb2.DESCRIPTOR.services_by_name["ChartService"]
_CATALOG = catalog_service_pb2.DESCRIPTOR.services_by_name["CatalogService"]


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
        return _call(connected, connected.charts, _CHARTS, name, fields)
    return _call(connected, connected.dashboards, _DASHBOARDS, name, fields)


def call_catalog(connected: Connection, rpc: str, **fields: Any) -> Any:
    """Calls a unary RPC of CatalogService and returns the response."""
    return _call(connected, connected.catalog, _CATALOG, rpc, fields)


def stored_entity(connected: Connection, kind: Kind, name: str) -> entity_pb2.Entity:
    """Returns an entity, also a soft-deleted one."""
    entity: entity_pb2.Entity = call_catalog(connected, "GetEntity", kind=kind.wire, fully_qualified_name=name).entity
    return entity


def asset_in(kind: Kind, response: Any) -> Any:
    """Returns the dashboard or chart in a response."""
    return getattr(response, kind)


def _call(connected: Connection, stub: Any, service: ServiceDescriptor, name: str, fields: dict[str, Any]) -> Any:
    request = GetMessageClass(service.methods_by_name[name].input_type)(**fields)
    return getattr(stub, name)(request, timeout=CALL_SECONDS, metadata=connected.metadata)
