"""The bodies of requests: read within limits, and parsed as strict JSON.

No error quotes a body. OpenMetadata's clients send passwords of BI tools in some of them.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, NoReturn, TypeAlias

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.edge.calls import Scope

MAX_BODY_BYTES = 4 * 2**20

MAX_DEPTH = 100
"""How many objects and lists may be inside each other."""

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
"""Returns the next message of ASGI."""

_DISCARD_SECONDS = 2.0
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


async def read_body(scope: Scope, receive: Receive, seconds: float) -> bytes:
    """Returns the whole body of a request.

    Args:
        seconds: How long it may take to arrive.

    Raises:
        CatalogError: MESSAGE_TOO_LARGE, CLIENT_IDLE, or MALFORMED_REQUEST if the client has gone in the middle, or has
            declared the length of the body in two ways.
    """
    length = _header(scope, b"content-length")
    if has_two_lengths(scope):
        raise CatalogError(Reason.MALFORMED_REQUEST, "the request has both Content-Length and Transfer-Encoding")
    parts: list[bytes] = []
    size, more = 0, True
    is_too_large = length.isdigit() and int(length) > MAX_BODY_BYTES
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
    return bool(_header(scope, b"content-length") and _header(scope, b"transfer-encoding"))


def has_body(scope: Scope) -> bool:
    """Returns whether a request comes with a body, and its client does not wait for leave to send it."""
    announced = _header(scope, b"content-length").strip(b"0") or _header(scope, b"transfer-encoding")
    return bool(announced) and not _header(scope, b"expect")


def closes(scope: Scope, answered: Mapping[str, str]) -> bool:
    """Returns whether the connection is closed after an answer with these headers."""
    asked = _header(scope, b"connection").lower() == b"close" or scope["http_version"] == "1.0"
    return asked or answered.get("connection") == "close"


async def discard_body(receive: Receive) -> None:
    """Reads on for a moment: most clients read no answer before they have sent everything."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                pass


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((bytes(value) for name, value in scope["headers"] if name == wanted), b"")


def parsed(body: bytes) -> Any:
    """Returns the JSON value of a body.

    Raises:
        CatalogError: MALFORMED_REQUEST with the place of the mistake, not with its text.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_number, object_pairs_hook=_unique)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"is not JSON: {error.msg} at {place}" if body else "is empty; JSON is expected") from None
    except UnicodeDecodeError as error:
        raise _malformed(f"is not UTF-8: byte {error.start + 1}") from None
    except UnicodeEncodeError:
        raise _malformed("has half of a surrogate pair") from None
    except RecursionError:
        raise _malformed("is nested too deeply") from None
    except _Unusable as error:
        raise _malformed(str(error)) from None
    except ValueError:
        # Python reads no integer of that length.
        raise _malformed("has a number that is too long") from None
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and depth_of(value) > MAX_DEPTH:
        raise _malformed("is nested too deeply")
    return value


def depth_of(value: Any) -> int:
    """Returns how many objects and lists are inside each other."""
    depth, level = 0, [value]
    while level:
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        depth, level = depth + bool(inner), [one for each in inner for one in each]
    return depth


def _malformed(text: str) -> CatalogError:
    return CatalogError(Reason.MALFORMED_REQUEST, f"the body {text}")


def _too_large() -> CatalogError:
    return CatalogError(
        Reason.MESSAGE_TOO_LARGE,
        f"the body must have at most {MAX_BODY_BYTES} bytes",
        metadata={"limit": str(MAX_BODY_BYTES)},
    )


class _Unusable(ValueError):
    """JSON that cannot be used. The message says why, and quotes nothing."""


def _refuse_number(_text: str) -> NoReturn:
    raise _Unusable("has a number that JSON does not have, such as NaN")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unusable("has an object with the same key twice")
    return found
