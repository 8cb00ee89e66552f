"""The certificate of the server. It is read again when its files change, so a renewed one needs no restart."""

import ssl
from pathlib import Path

import grpc
import structlog

_log = structlog.get_logger("dashboard_catalog.tls")


class CertificateError(Exception):
    """The certificate cannot be used. The message names the files and the problem."""


class Certificate:
    """A certificate chain and its key in two PEM files."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Reads the files.

        Raises:
            CertificateError: If they cannot be read, or do not belong together.
        """
        self._cert = cert
        self._key = key
        self._stamp = self._fingerprint()
        self._first = self._read()

    def credentials(self) -> grpc.ServerCredentials:
        """Returns credentials for a port. Each handshake uses the files as they are then."""
        return grpc.dynamic_ssl_server_credentials(
            self._first,
            self.newer,  # type: ignore[arg-type]
            require_client_authentication=False,
        )

    def newer(self) -> grpc.ServerCertificateConfiguration | None:
        """Returns the certificate if it has changed since it was last read and can be used; otherwise None."""
        stamp = self._fingerprint()
        if stamp == self._stamp:
            return None
        try:
            config = self._read()
        except CertificateError as error:
            # The two files are replaced one after the other, so the next handshake tries again.
            _log.warning("certificate_refused", problem=str(error))
            return None
        self._stamp = stamp
        _log.info("certificate_loaded", path=str(self._cert))
        return config

    def _fingerprint(self) -> tuple[int, ...]:
        try:
            stats = [path.stat() for path in (self._cert, self._key)]
        except OSError:
            return ()
        return tuple(part for stat in stats for part in (stat.st_mtime_ns, stat.st_size, stat.st_ino))

    def _read(self) -> grpc.ServerCertificateConfiguration:
        try:
            cert, key = self._cert.read_bytes(), self._key.read_bytes()
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._cert, self._key)
        except OSError as error:  # ssl.SSLError is one
            problem = error.strerror or str(error)
            raise CertificateError(f"{self._cert} with {self._key}: {problem}") from error
        return grpc.ssl_server_certificate_configuration([(key, cert)])
