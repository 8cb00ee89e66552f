"""The certificate of the server. It is read again when its files change, so a renewed one needs no restart."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_log = structlog.get_logger("dashboard_catalog.tls")


class CertificateError(Exception):
    """The certificate cannot be used. The message names the file and the problem."""


class Pem(NamedTuple):
    """The content of the two files."""

    chain: bytes
    key: bytes


class Certificate:
    """A certificate chain and its key in two PEM files. Every door has its own, since each learns of changes once."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Reads the files.

        Raises:
            CertificateError: If they cannot be read, or do not belong together.
        """
        self._cert = cert
        self._key = key
        self._stamp = self._fingerprint()
        self._refused: tuple[int, ...] | None = None
        self.first = self._read()
        """What the files held at first."""
        self.expires_at = _certificates(cert)[0].not_valid_after_utc
        """When the certificate in use expires."""

    def context(self) -> ssl.SSLContext:
        """Returns a context of the standard library for the files as they are now."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._cert, self._key)
        return context

    def check_dates(self) -> None:
        """Does nothing if the certificate is valid today.

        Raises:
            CertificateError: If it has expired, or is not valid yet.
        """
        certificate, now = _certificates(self._cert)[0], datetime.now(UTC)
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if now > last:
            raise CertificateError(f"{self._cert}: the certificate expired on {last:%Y-%m-%d at %H:%M} UTC")
        if now < first:
            raise CertificateError(f"{self._cert}: the certificate is not valid before {first:%Y-%m-%d, %H:%M} UTC")

    def newer(self) -> Pem | None:
        """Returns the certificate if it has changed since it was last read and can be used; otherwise None."""
        stamp = self._fingerprint()
        if stamp == self._stamp:
            return None
        try:
            pem = self._read()
            self.check_dates()
            expires_at = _certificates(self._cert)[0].not_valid_after_utc
        except CertificateError as error:
            # The two files are replaced one after the other, so the next handshake tries again.
            if stamp != self._refused:
                _log.warning("certificate_refused", problem=str(error))
            self._refused = stamp
            return None
        self._stamp, self.expires_at = stamp, expires_at
        _log.info("certificate_loaded", path=str(self._cert))
        return pem

    def _fingerprint(self) -> tuple[int, ...]:
        try:
            stats = [path.stat() for path in (self._cert, self._key)]
        except OSError:
            return ()
        return tuple(part for stat in stats for part in (stat.st_mtime_ns, stat.st_size, stat.st_ino))

    def _read(self) -> Pem:
        certificate = _certificates(self._cert)[0]
        if certificate.public_key() != _private_key(self._key).public_key():
            raise CertificateError(f"{self._key}: the key does not belong to the certificate in {self._cert}")
        try:
            self.context()
        except OSError as error:  # ssl.SSLError is one
            raise CertificateError(f"{self._cert} with {self._key}: {error.strerror or error}") from error
        return Pem(_content(self._cert), _content(self._key))


def _certificates(path: Path) -> list[x509.Certificate]:
    """Returns the certificates in a file: that of the server, then those of its issuers."""
    try:
        return x509.load_pem_x509_certificates(_content(path))
    except ValueError as error:
        raise CertificateError(f"{path}: contains no certificate in PEM format") from error


def _private_key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(_content(path), password=None)
    except TypeError as error:
        raise CertificateError(
            f"{path}: the key is encrypted; give one without a passphrase, as from `openssl pkey -in {path}`"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{path}: contains no private key in PEM format") from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
