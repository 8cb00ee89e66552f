"""Where the keys of an external issuer come from: a JWKS file here, an https URL in `jwks_url`.

Both keep the last good keys when what they read next cannot be used.
"""

import time
from pathlib import Path

import structlog

from dashboard_catalog.auth.claims import ClaimNames
from dashboard_catalog.auth.jwks_url import JwksUrl
from dashboard_catalog.auth.key_sets import LARGEST_DOCUMENT, JwksError, KeySet, parse_jwks
from dashboard_catalog.auth.keys import OWN_ISSUER
from dashboard_catalog.auth.verification import TrustedIssuer

SECONDS_BETWEEN_LOOKS = 1.0
EXTERNAL_LEEWAY = 60.0

_log = structlog.get_logger("dashboard_catalog.audit")


def external_issuer(jwks: str, issuer: str, audience: str, claims: ClaimNames) -> TrustedIssuer:
    """Returns the issuer of the settings; a file is read now, a URL with the first token.

    Args:
        jwks: Path of a file, or URL.
        issuer: What `iss` must be.
        audience: What `aud` must hold.
        claims: Under which names the claims are.

    Raises:
        JwksError: If issuer or audience is missing, the URL is not allowed, or the file cannot be used.
    """
    if not issuer or not audience:
        raise JwksError("a JWKS needs the issuer and the audience that its tokens must have")
    if issuer == OWN_ISSUER:
        raise JwksError(f"the issuer {OWN_ISSUER} is the catalog itself")
    keys = JwksUrl(jwks) if "://" in jwks else JwksFile(Path(jwks))
    return TrustedIssuer(issuer, audience, keys, claims, EXTERNAL_LEEWAY)


class JwksFile:
    """Keys in a file, read again when it changes."""

    def __init__(self, path: Path, look_every: float = SECONDS_BETWEEN_LOOKS) -> None:
        """Reads the file.

        Raises:
            JwksError: If it cannot be read or used.
        """
        self._path = path
        self._look_every = look_every
        self._looked_at = time.monotonic()
        self._stamp = self._read_stamp()
        self._keys = self._read()

    def current(self) -> KeySet:
        """Returns the keys; looks at the file at most once in a second."""
        if time.monotonic() - self._looked_at >= self._look_every:
            self._look()
        return self._keys

    async def newer(self) -> KeySet:
        """Returns the keys after a look at the file."""
        self._look()
        return self._keys

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            keys = self._read()
        except JwksError as error:
            _log.error("jwks_not_read", source=str(self._path), problem=str(error))
            return
        if keys != self._keys:
            self._keys = keys

    def _read_stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> KeySet:
        try:
            with self._path.open("rb") as file:
                keys = parse_jwks(file.read(LARGEST_DOCUMENT + 1))
        except OSError as error:
            raise JwksError(f"{self._path}: cannot be read: {error.strerror}") from error
        except JwksError as error:
            raise JwksError(f"{self._path}: {error}") from error
        _log.info("jwks_loaded", source=str(self._path), keys=len(keys.keys))
        return keys
