"""`dashboard-catalog health`: asks a server whether it should get calls. For probes, so it needs no token."""

from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from dashboard_catalog.cli import output
from dashboard_catalog.cli.credentials import find_certificates
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.options import Named, with_option_groups
from dashboard_catalog.cli.reaching import AddressOption, TlsCaOption, why_not_reached
from dashboard_catalog.environment import DEFAULT_ADDRESS
from dashboard_catalog_client.channel import open_channel, target_of

SECONDS = 5
"""Timeout of the call."""

_SILENT, _UNREACHED = grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE


class NotHealthy(CommandError):
    """The server is not healthy, or there is none."""

    status = 1


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Which server is asked."""

    address: AddressOption = DEFAULT_ADDRESS
    tls_ca: TlsCaOption = None
    named: Named = field(default_factory=Named)


@with_option_groups
def health(connection: ServerOptions) -> None:
    """Check that a server is healthy. Exit status: 0 if it is, 1 if it is not or does not answer.

    Needs no token.
    """
    named = connection.named
    try:
        address = target_of(connection.address)
    except ValueError as error:
        raise CommandError(f"{named['address']}: {error}") from error
    try:
        with open_channel(address, find_certificates(connection.tls_ca, named), patient=False) as channel:
            stub: Any = HealthStub(channel)
            status = stub.Check(HealthCheckRequest(), timeout=SECONDS).status
    except grpc.RpcError as error:
        raise NotHealthy(_problem(error, address, connection)) from error
    if status != HealthCheckResponse.SERVING:
        name = HealthCheckResponse.ServingStatus.Name(status)
        raise NotHealthy(f"the server at {address} is {name}: it cannot use its database, or it is stopping")
    output.write_line("SERVING")


def _problem(error: grpc.RpcError, address: str, connection: ServerOptions) -> str:
    if error.code() not in {_SILENT, _UNREACHED}:
        return f"the server at {address} does not report its health: {error.code().name}: {error.details()}"
    reason = None
    # To look why takes time, which a server that says nothing has had already. What is wrong with TLS is said at once.
    if error.code() is _UNREACHED:
        reason = why_not_reached(address, connection.tls_ca, connection.named["tls_ca"])
    return reason or f"no server answers at {address}"
