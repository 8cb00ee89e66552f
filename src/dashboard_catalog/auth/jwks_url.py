"""The keys of an external issuer, from a URL.

Fetching follows no redirects and has limits of time and size. Plain http is allowed on loopback only, where nobody
can eavesdrop. If a fetch fails or its keys cannot be used, the last good keys stay in use.
"""

import asyncio
import ipaddress
import time

import httpx
import structlog

from dashboard_catalog.auth.key_sets import LARGEST_DOCUMENT, JwksError, KeySet, parse_jwks
from dashboard_catalog.metrics.declared import Metrics

FETCH_SECONDS = 5.0
SECONDS_BETWEEN_FETCHES = 30.0
SECONDS_BETWEEN_REFRESHES = 600.0

_log = structlog.get_logger("dashboard_catalog.audit")


class JwksUrl:
    """Keys behind a URL, fetched when a token needs them and refreshed in the background."""

    def __init__(
        self,
        url: str,
        fetch_at_most_every: float = SECONDS_BETWEEN_FETCHES,
        refresh_every: float = SECONDS_BETWEEN_REFRESHES,
        fetch_seconds: float = FETCH_SECONDS,
        *,
        metrics: Metrics | None = None,
    ) -> None:
        """Checks the URL; does not fetch it yet.

        Args:
            fetch_at_most_every: Seconds between two fetches at least.
            refresh_every: Age in seconds at which keys are refreshed.
            fetch_seconds: Time limit of a fetch.
            metrics: Counts how often the keys are fetched.

        Raises:
            JwksError: If the URL is neither https nor http on loopback, or contains credentials.
        """
        self._url = _allowed_url(url)
        # The query may contain a secret: some providers expect a key there.
        self._source = str(self._url.copy_with(query=None))
        self._fetch_at_most_every = fetch_at_most_every
        self._refresh_every = refresh_every
        self._fetch_seconds = fetch_seconds
        self._metrics = (metrics or Metrics()).keys
        self._asked_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._keys = KeySet()

    def current(self) -> KeySet:
        """Returns the last good keys. If they are old, starts a fetch without waiting for it."""
        if self._age() >= self._refresh_every:
            self._fetch_soon()
        return self._keys

    async def newer(self) -> KeySet:
        """Returns the keys after a fetch, or at once if the last fetch was too recent."""
        if self._fetching is not None or self._age() >= self._fetch_at_most_every:
            # Calls share the fetch, so a cancelled call must not cancel it.
            await asyncio.shield(self._fetch_soon())
        return self._keys

    def _age(self) -> float:
        return float("inf") if self._asked_at is None else time.monotonic() - self._asked_at

    def _fetch_soon(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._asked_at = time.monotonic()
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            keys = parse_jwks(await _download(self._url, self._fetch_seconds))
            if keys != self._keys:
                self._keys = keys
                _log.info("jwks_loaded", source=self._source, keys=len(keys.keys))
            self._metrics.loaded()
        except JwksError as error:
            _log.error("jwks_not_fetched", source=self._source, problem=str(error))
            self._metrics.failed()
        finally:
            self._fetching = None


async def _download(url: httpx.URL, seconds: float) -> bytes:
    """Returns the document at the URL. Stops reading as soon as it is larger than `LARGEST_DOCUMENT`."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    # Plain http is for loopback only, so it must not use a proxy from the environment.
    proxies = url.scheme == "https"
    body = bytearray()
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=proxies) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise JwksError(f"returned status {response.status_code}")
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST_DOCUMENT:
                    break
    except TimeoutError:
        raise JwksError(f"did not respond within {seconds:g} s") from None
    except (httpx.HTTPError, OSError) as error:
        raise JwksError(f"cannot be reached: {type(error).__name__}") from error
    return bytes(body)


def _allowed_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise JwksError("the JWKS URL is not a URL") from None
    if url.userinfo:
        raise JwksError("the JWKS URL must not contain a user name or a password")
    if not url.host:
        raise JwksError("the JWKS URL has no host")
    if url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host)):
        return url
    raise JwksError(f"{text}: the JWKS URL must be https, or http on loopback")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
