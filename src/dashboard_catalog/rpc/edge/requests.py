"""Reads what a call sends: bytes in, messages out, and an error that says why where that fails.

gRPC itself would answer bytes that do not decode with the text of an exception, and large ones without
details; so the handlers ask it for bytes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Self

import grpc.aio
from google.protobuf.message import DecodeError, Message

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.errors import CatalogError, Reason
from dashboard_catalog.rpc.edge.gate import Gate

MAX_MESSAGE_BYTES = 4 * 1024 * 1024

# A cancelled call looks like the end of its requests until the cancellation arrives, a moment later.
_END_SECONDS = 0.02

Context = grpc.aio.ServicerContext[Any, Any]


def decode(raw: bytes, parse: Callable[[bytes], Message]) -> Message:
    """Returns the message that `raw` holds.

    Raises:
        CatalogError: MESSAGE_TOO_LARGE or MALFORMED_REQUEST.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise CatalogError(
            Reason.MESSAGE_TOO_LARGE,
            f"a message must be at most {MAX_MESSAGE_BYTES} bytes, has {len(raw)}",
            metadata={"limit": str(MAX_MESSAGE_BYTES), "size": str(len(raw))},
            resource=("message", "bytes"),
        )
    try:
        return parse(raw)
    except DecodeError:
        # Not chained: the text of the exception is for nobody.
        raise CatalogError(Reason.MALFORMED_REQUEST, "the request is not the message that the method takes") from None


class RequestStream(AsyncIterator[Message]):
    """The messages of a streaming call, decoded as they are asked for.

    Ends with an error when the server drains or the caller's token expires; both are found between messages,
    so what a servicer has read it can finish.
    """

    def __init__(
        self, context: Context, parse: Callable[[bytes], Message], gate: Gate, principal: Principal | None
    ) -> None:
        self._context = context
        self._parse = parse
        self._gate = gate
        self._principal = principal

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Returns the next message.

        Raises:
            CatalogError: DRAINING, TOKEN_EXPIRED, MESSAGE_TOO_LARGE or MALFORMED_REQUEST.
            StopAsyncIteration: When the caller has closed its side.
        """
        raw = await self._read()
        if raw is grpc.aio.EOF:
            await asyncio.sleep(_END_SECONDS)
            raise StopAsyncIteration
        check_not_expired(self._principal)
        return decode(raw, self._parse)

    async def _read(self) -> Any:
        """Returns the next bytes or EOF, unless the server drains first.

        The read itself is never cancelled, which would leak memory: it ends with the call.
        """
        self._gate.check_not_draining()
        read = asyncio.ensure_future(self._context.read())
        read.add_done_callback(_ignore_outcome)
        await asyncio.wait({read, self._gate.drained}, return_when=asyncio.FIRST_COMPLETED)
        if not read.done():
            self._gate.check_not_draining()
        return read.result()


def check_not_expired(principal: Principal | None) -> None:
    """Returns unless the token of the principal has expired since the call began.

    Raises:
        CatalogError: TOKEN_EXPIRED.
    """
    if principal is None or principal.expires_at is None:
        return
    if datetime.now(UTC) >= principal.expires_at:
        raise CatalogError(Reason.TOKEN_EXPIRED, "the token has expired while the call ran")


def _ignore_outcome(read: asyncio.Future[Any]) -> None:
    if not read.cancelled():
        read.exception()
