"""How the client commands reach a server: its address, a token and TLS."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import grpc
import typer

import dashboard_catalog_client as client
from dashboard_catalog.cli.failures import CommandError, Failure, failure_of_call
from dashboard_catalog.settings import Settings, environment_name
from dashboard_catalog_client.channel import is_loopback
from dashboardcatalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from dashboardcatalog.v1.chart_service_pb2_grpc import ChartServiceStub
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub

CALL_SECONDS = 60
"""How long a unary call may take."""

# gRPC's words before the cause.
_LAST_ERROR = re.compile(r"^.*last error: \w+: \S+: ")
_PEM = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """The options that every client command has."""

    address: Annotated[
        str, typer.Option(envvar=environment_name("address"), help="Address of the server: HOST:PORT.")
    ] = "127.0.0.1:50051"
    token: Annotated[
        str | None,
        typer.Option(
            envvar=environment_name("token"),
            help="Token to call with. By default, for a server on this machine, the one in its data folder.",
        ),
    ] = None
    token_file: Annotated[
        Path | None, typer.Option(envvar=environment_name("token_file"), help="File that holds the token.")
    ] = None
    tls_ca: Annotated[
        str | None,
        typer.Option(
            envvar=environment_name("tls_ca"),
            metavar="FILE",
            help="Call by TLS and trust the certificates in this PEM file; 'system' trusts the public ones.",
        ),
    ] = None
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send the token unencrypted to another machine, too.")
    ] = False


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, its stubs, and what goes with every call of theirs."""

    address: str
    client: client.CatalogClient
    metadata: tuple[tuple[str, str], ...]
    dashboards: DashboardServiceStub
    charts: ChartServiceStub
    catalog: CatalogServiceStub

    def explain(self, error: grpc.RpcError) -> CommandError:
        """Returns what a failed call means to the one who typed the command."""
        failure = failure_of_call(error)
        if failure.code == "UNAVAILABLE" and not failure.reason:
            return CommandError(
                f"no server answers at {self.address} ({_LAST_ERROR.sub('', failure.message)}). "
                "Start one with `dashboard-catalog serve`, or say with --address where it is."
            )
        return CommandError("\n".join(_explanation(failure, with_token=bool(self.metadata))))


@contextmanager
def connect(options: ConnectionOptions) -> Iterator[Connection]:
    """Opens a connection for the time of the block; a call that fails in it becomes a `CommandError`.

    Raises:
        CommandError: Also if a token would leave this machine unencrypted, or a file cannot be read.
    """
    if not options.address.strip():
        raise CommandError("--address is empty: give HOST:PORT")
    token, credentials = _token(options), _credentials(options)
    try:
        with client.connect(
            options.address, token=token, credentials=credentials, insecure=options.insecure
        ) as connected:
            yield from _used(options.address, connected)
    except client.UnsafeTarget as error:
        raise CommandError(f"{error}: call by TLS with --tls-ca FILE, or accept it with --insecure") from error


def _used(address: str, connected: client.CatalogClient) -> Iterator[Connection]:
    connection = Connection(
        address=address,
        client=connected,
        metadata=tuple(connected.metadata),
        dashboards=DashboardServiceStub(connected.channel),
        charts=ChartServiceStub(connected.channel),
        catalog=CatalogServiceStub(connected.channel),
    )
    try:
        yield connection
    except grpc.RpcError as error:
        raise connection.explain(error) from error


def _explanation(failure: Failure, *, with_token: bool) -> Iterator[str]:
    lines = list(failure.lines())
    yield f"{failure.code}: {lines[0]}" if len(lines) == 1 else f"{failure.code}:"
    if len(lines) > 1:
        yield from (f"  {line}" for line in lines)
    if failure.code == "UNAUTHENTICATED" and not with_token:
        yield "No token was sent: give one with --token, --token-file or DASHBOARD_CATALOG_TOKEN."
    if failure.call_id:
        yield f"(call {failure.call_id})"


def _credentials(options: ConnectionOptions) -> grpc.ChannelCredentials | None:
    return None if options.tls_ca is None else grpc.ssl_channel_credentials(_trusted(options.tls_ca))


def _trusted(tls_ca: str) -> bytes | None:
    if tls_ca == "system":
        return None
    certificates = _read(Path(tls_ca), "--tls-ca")
    if _PEM not in certificates:
        raise CommandError(f"--tls-ca: {tls_ca} holds no certificate in PEM form")
    return certificates


def _token(options: ConnectionOptions) -> str | None:
    if options.token and options.token_file:
        # What is typed wins over what the environment holds.
        if options.token != os.environ.get(environment_name("token")):
            if str(options.token_file) != os.environ.get(environment_name("token_file")):
                raise CommandError("give --token or --token-file, not both")
            return _checked(options.token, "--token")
        return _from_file(options.token_file)
    if options.token:
        return _checked(options.token, "--token")
    if options.token_file:
        return _from_file(options.token_file)
    return _left_by_server() if is_loopback(options.address) else None


def _from_file(path: Path) -> str:
    return _checked(_read(path, "--token-file").decode(errors="replace"), str(path))


def _left_by_server() -> str | None:
    path = settings_here().admin_token_file
    try:
        return _checked(path.read_text(), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CommandError(f"cannot read the token in {path}: {error.strerror}") from error


def settings_here() -> Settings:
    """Returns settings of which only the data folder counts: a server's are not to be checked here."""
    given = os.environ.get(environment_name("data_dir"))
    return Settings.model_construct(data_dir=Path(given).expanduser()) if given else Settings.model_construct()


def _checked(token: str, source: str) -> str:
    token = token.strip()
    # Anything else cannot be in a header; gRPC would say so without naming the token.
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CommandError(f"{source} holds no token")
    return token


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{option}: cannot read {path}: {error.strerror}") from error
