"""The messages of a streaming call, as its servicer reads them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Self

import grpc.aio
from google.protobuf.message import Message

from dashboard_catalog.rpc.edge.context import GrpcContext
from dashboard_catalog.rpc.edge.decoding import Parse, decode
from dashboard_catalog.rpc.edge.lifetime import Lifetime

# A cancelled call looks like the end of its requests until the cancellation arrives, a moment later.
_END_SECONDS = 0.02


class RequestStream(AsyncIterator[Message]):
    """Decodes messages as the servicer asks for them.

    Ends with an error when the lifetime of the stream ends. That happens between messages, so a servicer can finish
    what it has read.
    """

    def __init__(self, context: GrpcContext, parse: Parse, lifetime: Lifetime) -> None:
        self._context = context
        self._parse = parse
        self._lifetime = lifetime

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Returns the next message.

        Raises:
            CatalogError: DRAINING, TOKEN_EXPIRED, MESSAGE_TOO_LARGE or MALFORMED_REQUEST.
            StopAsyncIteration: When the client has closed its side.
        """
        self._lifetime.check_not_draining()
        raw = await self._read()
        if raw is grpc.aio.EOF:
            await asyncio.sleep(_END_SECONDS)
            raise StopAsyncIteration
        self._lifetime.check_not_expired()
        return decode(raw, self._parse)

    async def _read(self) -> Any:
        """Returns the next bytes or EOF.

        A cancelled read would leak memory, so a read is never cancelled: it ends with the call.
        """
        read = asyncio.ensure_future(self._context.read())
        read.add_done_callback(_ignore_outcome)
        await self._lifetime.wait(read)
        return read.result()


def _ignore_outcome(read: asyncio.Future[Any]) -> None:
    if not read.cancelled():
        read.exception()
