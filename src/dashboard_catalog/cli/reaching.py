"""The options that say where a server is, and why it cannot be reached: TLS or not, what is wrong with a certificate.

gRPC does not say why. So after a failed call, this module connects once more and looks at what answers.
"""

import socket
import ssl
from contextlib import suppress
from typing import Annotated, Any

import typer

from dashboard_catalog.cli.credentials import SYSTEM
from dashboard_catalog.environment import environment_name

AddressOption = Annotated[
    str,
    typer.Option(
        envvar=environment_name("address"),
        help="Address of the server: HOST:PORT. Without a port, it is 50051. Several servers are IP addresses with "
        "commas between them.",
    ),
]

TlsCaOption = Annotated[
    str | None,
    typer.Option(
        envvar=environment_name("tls_ca"),
        metavar="FILE",
        help="Use TLS and trust the certificates in this PEM file; 'system' means those of the system.",
    ),
]

SECONDS = 3
"""Timeout of the connection."""

# Codes of OpenSSL's verification, from x509_vfy.h.
_NOT_YET_VALID = 9
_EXPIRED = 10
_WRONG_HOST = frozenset({62, 64})


def why_not_reached(address: str, tls_ca: str | None, name: str) -> str | None:
    """Returns what is wrong with TLS; None if nothing answers, or nothing is wrong with TLS.

    Args:
        address: The server.
        tls_ca: File with the certificates to trust, `system`, or None for a connection without TLS.
        name: What the user calls `tls_ca`.
    """
    # Python refuses some names before it looks for them.
    with suppress(OSError, UnicodeError), _connected(address) as connection:
        return _of_tls(connection, address, tls_ca, name) if tls_ca else _of_plaintext(connection, address)
    return None


def _of_plaintext(connection: socket.socket, address: str) -> str | None:
    with suppress(OSError):
        _encrypted(connection, _trusting_all(), "").close()
        return f"the server at {address} uses TLS: name the certificates to trust with --tls-ca FILE or --tls-ca system"
    return None


def _of_tls(connection: socket.socket, address: str, tls_ca: str, name: str) -> str | None:
    host = address.rpartition(":")[0].strip("[]")
    context = ssl.create_default_context(cafile=None if tls_ca == SYSTEM else tls_ca)
    try:
        _encrypted(connection, context, host).close()
    except ssl.SSLCertVerificationError as error:
        return f"the certificate of the server at {address} {_of_certificate(error, context, address, tls_ca)}"
    except (ssl.SSLError, ConnectionError):
        return f"the server at {address} does not use TLS: call it without {name}"
    return None


def _of_certificate(error: ssl.SSLCertVerificationError, context: ssl.SSLContext, address: str, tls_ca: str) -> str:
    match error.verify_code:
        case code if code in _WRONG_HOST:
            return f"is for {_names(address, context)}, not for {address.rpartition(':')[0]}"
        case code if code == _EXPIRED:
            return "has expired"
        case code if code == _NOT_YET_VALID:
            return "is not valid yet"
        case _:
            by = "the certificates of this system" if tls_ca == SYSTEM else f"a certificate in {tls_ca}"
            return f"is not signed by {by} ({error.verify_message})"


def _names(address: str, context: ssl.SSLContext) -> str:
    """Returns the names in the certificate of the server, which is trusted except for its name."""
    context.check_hostname = False
    with _connected(address) as connection, _encrypted(connection, context, "") as encrypted:
        certificate: Any = encrypted.getpeercert() or {}
    return ", ".join(name for _, name in certificate.get("subjectAltName", ())) or "no host"


def _trusting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), port), SECONDS)


def _encrypted(connection: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(connection, server_hostname=host or None)
