"""How the client commands reach a server, and what they say when that fails."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import grpc
import typer

import dashboard_catalog_client as client
from dashboard_catalog.cli.credentials import Token, find_certificates, find_token
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.failures import Failure, failure_of_call
from dashboard_catalog.cli.options import Named
from dashboard_catalog.cli.reaching import AddressOption, TlsCaOption, why_not_reached
from dashboard_catalog.environment import DEFAULT_ADDRESS, environment_name
from dashboard_catalog.running import running_servers
from dashboard_catalog_client.channel import target_of
from dashboardcatalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from dashboardcatalog.v1.chart_service_pb2_grpc import ChartServiceStub
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub

CALL_SECONDS = 60
"""Timeout of a unary call."""

# The words of gRPC before the cause.
_LAST_ERROR = re.compile(
    r"^.*last error: \w+: \S+: (?:Failed to connect to remote host: |connect failed: addr: \S+ error: )?"
)
# Neither in some version, nor under a former name.
_IS_NO_DASHBOARD = re.compile(r"there is no dashboard (?!.* in version )(?!.*; it has been renamed to ).*", re.DOTALL)
_DATA_DIR = environment_name("data_dir")


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """The options of every client command."""

    address: AddressOption = DEFAULT_ADDRESS
    token: Annotated[
        str | None,
        typer.Option(
            envvar=environment_name("token"),
            help="Token to call with. For a server on this machine, the default is the token in its data folder.",
        ),
    ] = None
    token_file: Annotated[
        Path | None, typer.Option(envvar=environment_name("token_file"), help="File that contains the token.")
    ] = None
    tls_ca: TlsCaOption = None
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow sending the token to another machine without TLS.")
    ] = False
    named: Named = field(default_factory=Named)


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, its stubs, and the metadata of every call.

    Attributes:
        address: The server.
        client: For loads.
        token: The token that is sent; None if there is none.
        options: The options that it was opened with.
        metadata: Metadata for calls of the stubs.
    """

    address: str
    client: client.CatalogClient
    token: Token | None
    options: ConnectionOptions
    metadata: tuple[tuple[str, str], ...]
    dashboards: DashboardServiceStub
    charts: ChartServiceStub
    catalog: CatalogServiceStub

    def explain(self, error: grpc.RpcError) -> CommandError:
        """Returns a failed call as an error for the user of the command."""
        failure = failure_of_call(error)
        if failure.code == "UNAVAILABLE" and not failure.reason:
            name = self.options.named["tls_ca"]
            if reason := why_not_reached(self.address, self.options.tls_ca, name):
                return CommandError(reason)
            cause = "unknown host" if "resolving" in failure.message else _LAST_ERROR.sub("", failure.message)
            return CommandError(f"no server answers at {self.address} ({cause}). {_hint_for_address()}")
        may_be_other = failure.code == "NOT_FOUND" and self.options.named.is_default("kind")
        return CommandError("\n".join(_explanation(failure, self.token, may_be_other=may_be_other)))


@contextmanager
def connect(options: ConnectionOptions) -> Iterator[Connection]:
    """Opens a connection for the block; a call that fails in the block becomes a `CommandError`.

    Raises:
        CommandError: Also if a token would leave this machine unencrypted, or a file cannot be read.
    """
    named = options.named
    try:
        address = target_of(options.address)
    except ValueError as error:
        raise CommandError(f"{named['address']}: {error}") from error
    token = find_token(address, options.token, options.token_file, named)
    try:
        with client.connect(
            address,
            token=token.text if token else None,
            credentials=find_certificates(options.tls_ca, named),
            insecure=options.insecure,
            patient=False,
        ) as connected:
            yield from _connection(address, connected, token, options)
    except client.UnsafeTarget as error:
        raise CommandError(f"{error}: use TLS with --tls-ca FILE, or accept it with --insecure") from error


def _connection(
    address: str, connected: client.CatalogClient, token: Token | None, options: ConnectionOptions
) -> Iterator[Connection]:
    connection = Connection(
        address=address,
        client=connected,
        token=token,
        options=options,
        metadata=tuple(connected.metadata),
        dashboards=DashboardServiceStub(connected.channel),
        charts=ChartServiceStub(connected.channel),
        catalog=CatalogServiceStub(connected.channel),
    )
    try:
        yield connection
    except grpc.RpcError as error:
        raise connection.explain(error) from error


def _hint_for_address() -> str:
    if servers := [server.address for server in running_servers()]:
        return f"Running on this machine: {', '.join(servers)}; choose one with --address."
    return "Start one with `dashboard-catalog serve`, or give the address of another with --address."


def _explanation(failure: Failure, token: Token | None, *, may_be_other: bool = False) -> Iterator[str]:
    lines = list(failure.lines())
    yield f"{failure.code}: {lines[0]}" if len(lines) == 1 else f"{failure.code}:"
    if len(lines) > 1:
        yield from (f"  {line}" for line in lines)
    if failure.code == "UNAUTHENTICATED":
        yield from _hint_for_token(token)
    if may_be_other and _IS_NO_DASHBOARD.fullmatch(failure.message):
        yield "If it is a chart or an entity, add --kind."
    if failure.call_id:
        yield f"(call {failure.call_id})"


def _hint_for_token(token: Token | None) -> Iterator[str]:
    if token is None:
        yield "No token was sent: give one with --token, --token-file or DASHBOARD_CATALOG_TOKEN,"
        yield f"or name the data folder of a server on this machine in {_DATA_DIR}."
    elif token.left_in:
        yield f"The token is from {token.left_in}."
        yield f"If the server has another data folder, name it in {_DATA_DIR}."
