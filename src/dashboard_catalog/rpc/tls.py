"""TLS of gRPC, with a certificate that may be renewed while the server runs."""

import grpc

from dashboard_catalog.calls.certificates import Certificate, Pem


def credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """Returns credentials for a port. Each handshake uses the files as they are then."""

    def newer() -> grpc.ServerCertificateConfiguration | None:
        pem = certificate.newer()
        return _configuration(pem) if pem else None

    return grpc.dynamic_ssl_server_credentials(
        _configuration(certificate.first),
        newer,  # type: ignore[arg-type]
        require_client_authentication=False,
    )


def _configuration(pem: Pem) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pem.key, pem.chain)])
