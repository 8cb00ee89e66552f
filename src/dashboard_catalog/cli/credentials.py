"""Finds the token and the certificates for a connection: given by the user, or left by a server on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path

import grpc

from dashboard_catalog.cli.failures import CommandError
from dashboard_catalog.running import data_dir_of
from dashboard_catalog.settings import Settings, environment_name
from dashboard_catalog_client.channel import is_loopback

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


def find_token(address: str, text: str | None, file: Path | None) -> Token | None:
    """Returns the token for an address: the given one, or else the one that a server on this machine left.

    Args:
        address: The server.
        text: `--token`, if given.
        file: `--token-file`, if given.

    Raises:
        CommandError: If both are given, or the file holds no token.
    """
    if text and file:
        # A flag wins over an environment variable.
        if text != os.environ.get(environment_name("token")):
            if str(file) != os.environ.get(environment_name("token_file")):
                raise CommandError("give --token or --token-file, not both")
            return Token(_checked(text, "--token"))
        return _from_file(file)
    if text:
        return Token(_checked(text, "--token"))
    if file:
        return _from_file(file)
    return _left_by_server(address) if is_loopback(address) else None


def find_certificates(tls_ca: str | None) -> grpc.ChannelCredentials | None:
    """Returns the credentials for TLS; None for a connection without TLS.

    Raises:
        CommandError: If the file holds no certificate.
    """
    if tls_ca is None:
        return None
    return grpc.ssl_channel_credentials(None if tls_ca == "system" else _certificates(Path(tls_ca)))


def local_settings() -> Settings:
    """Returns settings of which only the data folder counts; those of a server may be wrong here."""
    given = os.environ.get(environment_name("data_dir"))
    return Settings.model_construct(data_dir=Path(given).expanduser()) if given else Settings.model_construct()


def _from_file(path: Path) -> Token:
    return Token(_checked(_read(path, "--token-file").decode(errors="replace"), str(path)))


def _left_by_server(address: str) -> Token | None:
    settings = local_settings()
    if not os.environ.get(environment_name("data_dir")) and (data_dir := data_dir_of(address)):
        settings = Settings.model_construct(data_dir=data_dir)
    path = settings.admin_token_file
    try:
        return Token(_checked(path.read_text(), str(path)), left_in=path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CommandError(f"cannot read the token in {path}: {error.strerror}") from error


def _certificates(path: Path) -> bytes:
    certificates = _read(path, "--tls-ca")
    if _PEM not in certificates:
        raise CommandError(f"--tls-ca: {path} holds no certificate in PEM form")
    return certificates


def _checked(token: str, source: str) -> str:
    token = token.strip()
    # Other characters cannot be in a header; gRPC's error would not name the token.
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CommandError(f"{source} holds no token")
    return token


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{option}: cannot read {path}: {error.strerror}") from error
