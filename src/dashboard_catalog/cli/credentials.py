"""Finds the token and the certificates for a connection: given by the user, or left by a server on this machine."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from pathlib import Path

import grpc

from dashboard_catalog.cli.data_folders import data_dir_of_server
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.options import Named
from dashboard_catalog.environment import ADMIN_TOKEN_FILE
from dashboard_catalog_client.channel import bare_token, is_loopback

SYSTEM = "system"
"""Value of `--tls-ca` for the certificates of the system."""

_PEM = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Token:
    """A token to send.

    Attributes:
        text: The token.
        left_in: File in a data folder that it was read from; None if the user gave the token.
    """

    text: str
    left_in: Path | None = None


def find_token(address: str, text: str | None, file: Path | None, named: Named) -> Token | None:
    """Returns the token for an address: the given one, or else the one that a server on this machine left.

    Args:
        address: The server.
        text: `--token`, if given.
        file: `--token-file`, if given.
        named: Tells how they were given.

    Raises:
        CommandError: If both are given, or the file holds no token.
    """
    if text and file:
        # A flag wins over an environment variable.
        if named.is_from_environment("token") == named.is_from_environment("token_file"):
            raise CommandError(f"give {named['token']} or {named['token_file']}, not both")
        text = None if named.is_from_environment("token") else text
    if text:
        return Token(_checked(text, named["token"]))
    if file:
        return Token(_checked(_decoded(_read(file, named["token_file"])), f"{named['token_file']}: {file}"))
    return _left_by_server(address) if is_loopback(address) else None


def find_certificates(tls_ca: str | None, named: Named) -> grpc.ChannelCredentials | None:
    """Returns the credentials for TLS; None for a connection without TLS.

    Raises:
        CommandError: If the file holds no certificate.
    """
    if tls_ca is None:
        return None
    return grpc.ssl_channel_credentials(None if tls_ca == SYSTEM else _certificates(Path(tls_ca), named["tls_ca"]))


def _left_by_server(address: str) -> Token | None:
    path = data_dir_of_server(address) / ADMIN_TOKEN_FILE
    try:
        return Token(_checked(path.read_text(), str(path)), left_in=path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CommandError(f"cannot read the token in {path}: {error.strerror}") from error


def _certificates(path: Path, name: str) -> bytes:
    certificates = _read(path, name)
    if _PEM not in certificates:
        raise CommandError(f"{name}: {path} holds no certificate in PEM form")
    return certificates


def _checked(text: str, source: str) -> str:
    token = bare_token(text)
    # Other characters cannot be in a header; gRPC's error would not name the token.
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CommandError(f"{source} holds no token")
    return token


def _decoded(content: bytes) -> str:
    # Windows writes texts in UTF-16 too.
    encoding = "utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8"
    return content.decode(encoding, errors="replace")


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{name}: cannot read {path}: {error.strerror}") from error
