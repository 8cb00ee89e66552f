"""Takes the bodies of requests from the network, within limits."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

MAX_BODY_BYTES = 4 * 2**20

_DISCARD_SECONDS = 2.0


async def read_body(scope: Scope, receive: Receive, seconds: float) -> bytes:
    """Returns the whole body of a request.

    Args:
        seconds: How long it may take to arrive.

    Raises:
        CatalogError: MESSAGE_TOO_LARGE, CLIENT_IDLE, or MALFORMED_REQUEST if the client has gone in the middle, or has
            declared the length of the body in two ways.
    """
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    if has_two_lengths(scope):
        raise CatalogError(Reason.MALFORMED_REQUEST, "the request has both Content-Length and Transfer-Encoding")
    if not length and "transfer-encoding" not in headers:
        return b""
    parts: list[bytes] = []
    size, more = 0, True
    is_too_large = length.isdecimal() and int(length) > MAX_BODY_BYTES
    try:
        async with asyncio.timeout(seconds):
            while more and not is_too_large:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise CatalogError(Reason.MALFORMED_REQUEST, "the request ended within its body")
                parts.append(message.get("body", b""))
                size, more = size + len(parts[-1]), message.get("more_body", False)
                is_too_large = size > MAX_BODY_BYTES
    except TimeoutError:
        raise CatalogError(Reason.CLIENT_IDLE, f"no whole body arrived within {seconds:g} s") from None
    if is_too_large:
        parts.clear()
        if more:
            await discard_body(receive)
        raise _too_large()
    return b"".join(parts)


def has_two_lengths(scope: Scope) -> bool:
    """Returns whether proxies and servers may not agree on where the request ends, and the next one begins."""
    headers = Headers(scope=scope)
    return "content-length" in headers and "transfer-encoding" in headers


def has_body(scope: Scope) -> bool:
    """Returns whether a request comes with a body, and its client does not wait for leave to send it."""
    headers = Headers(scope=scope)
    is_announced = bool(headers.get("content-length", "").strip("0")) or "transfer-encoding" in headers
    return is_announced and "expect" not in headers


def closes(scope: Scope, answered: Mapping[str, str]) -> bool:
    """Returns whether the connection is closed after an answer with these headers."""
    asked = Headers(scope=scope).get("connection", "").lower()
    return "close" in (asked, answered.get("connection")) or scope["http_version"] == "1.0"


async def discard_body(receive: Receive) -> None:
    """Reads on for a moment: most clients read no answer before they have sent everything."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                pass


def _too_large() -> CatalogError:
    return CatalogError(
        Reason.MESSAGE_TOO_LARGE,
        f"the body must have at most {MAX_BODY_BYTES} bytes",
        metadata={"limit": str(MAX_BODY_BYTES)},
    )
