"""Opens the doors of a server, as its settings say: gRPC, HTTP and metrics. It must not know what is behind them."""

import grpc.aio

from dashboard_catalog.calls.certificates import Certificate
from dashboard_catalog.http.door import Behind, HttpDoor
from dashboard_catalog.http.scraping import MetricsPort
from dashboard_catalog.measuring import measure_certificate, measure_http
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.metrics.exchange import Gathers
from dashboard_catalog.rpc.tls import credentials
from dashboard_catalog.settings import Settings


class StartError(Exception):
    """The server cannot start. The message says why, for people."""


def bind(server: grpc.aio.Server, settings: Settings, metrics: Metrics) -> str:
    """Binds the address of gRPC, and returns it with the port that the system chose.

    Raises:
        StartError: If it cannot be bound.
        CertificateError: If the certificate cannot be used.
    """
    target = str(settings.listen)
    try:
        if settings.tls_cert and settings.tls_key:
            certificate = Certificate(settings.tls_cert, settings.tls_key)
            port = server.add_secure_port(target, credentials(certificate))
            measure_certificate(metrics, "grpc", certificate)
        else:
            port = server.add_insecure_port(target)
    except RuntimeError as error:
        raise StartError(f"cannot listen at {target}: it is in use, or not an address of this machine") from error
    return str(settings.listen.with_port(port))


def http_door(settings: Settings, behind: Behind) -> HttpDoor | None:
    """Returns the HTTP door with its address bound; None if there is none.

    Raises:
        StartError: If the address cannot be bound.
        CertificateError: If the certificate cannot be used.
    """
    address = settings.http_listen
    if address is None:
        return None
    tls = (settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
    try:
        door = HttpDoor(
            address,
            behind,
            openmetadata_version=settings.http_openmetadata_version,
            tls=tls,
            shares_address=settings.workers > 1,
        )
    except OSError as error:
        raise StartError(f"cannot listen at {address}: {error.strerror}") from error
    measure_http(behind.peers.metrics, door)
    return door


def metrics_door(settings: Settings, peers: Gathers) -> MetricsPort | None:
    """Returns the port for metrics with its address bound; None if there is none.

    Raises:
        StartError: If the address cannot be bound.
    """
    address = settings.metrics_listen
    try:
        return MetricsPort(address, peers, shares_address=settings.workers > 1) if address else None
    except OSError as error:
        raise StartError(f"cannot listen at {address}: {error.strerror}") from error
