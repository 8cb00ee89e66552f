"""The keys of an external issuer, cached from a JWKS file. The last good keys stay if the file cannot be used later."""

import time
from pathlib import Path

import structlog

from dashboard_catalog.auth.key_sets import LARGEST_DOCUMENT, JwksError, KeySet, parse_jwks
from dashboard_catalog.metrics.declared import Metrics

SECONDS_BETWEEN_CHECKS = 1.0

_log = structlog.get_logger("dashboard_catalog.audit")


class JwksFile:
    """Keys in a file, which is read again when it changes."""

    def __init__(self, path: Path, check_every: float = SECONDS_BETWEEN_CHECKS, metrics: Metrics | None = None) -> None:
        """Reads the file.

        Args:
            check_every: Seconds between two checks for a change.
            metrics: Counts how often the keys are loaded.

        Raises:
            JwksError: If the file cannot be read or used.
        """
        self._path = path
        self._check_every = check_every
        self._metrics = (metrics or Metrics()).keys
        self._checked_at = time.monotonic()
        self._stamp = self._read_stamp()
        self._keys = self._read()

    def current(self) -> KeySet:
        """Returns the keys. Checks the file for a change, but not more often than `check_every` says."""
        if time.monotonic() - self._checked_at >= self._check_every:
            self._reload_if_changed()
        return self._keys

    async def newer(self) -> KeySet:
        """Returns the keys after checking the file for a change."""
        self._reload_if_changed()
        return self._keys

    def _reload_if_changed(self) -> None:
        self._checked_at = time.monotonic()
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            keys = self._read()
        except JwksError as error:
            _log.error("jwks_not_read", source=str(self._path), problem=str(error))
            self._metrics.failed()
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
        self._metrics.loaded()
        return keys
