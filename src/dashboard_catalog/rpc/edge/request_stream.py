"""The messages of a call, as its servicer reads them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Self

import grpc.aio
from google.protobuf.message import Message

from dashboard_catalog.rpc.edge.context import END_SECONDS
from dashboard_catalog.rpc.edge.decoding import Parse, decode
from dashboard_catalog.rpc.edge.lifetime import Lifetime

Read = Callable[[], Coroutine[Any, Any, Any]]
"""Returns the next bytes or EOF."""


class RequestStream(AsyncIterator[Message]):
    """Decodes messages as the servicer asks for them.

    Ends with an error when the lifetime of the stream ends. That happens between messages, so a servicer can finish
    what it has read.
    """

    def __init__(self, read: Read, parse: Parse, lifetime: Lifetime) -> None:
        self._read = read
        self._parse = parse
        self._lifetime = lifetime

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Returns the next message.

        Raises:
            CatalogError: DRAINING, TOKEN_EXPIRED, CLIENT_IDLE, MESSAGE_TOO_LARGE or MALFORMED_REQUEST.
            StopAsyncIteration: When the client has closed its side.
        """
        self._lifetime.check_not_draining()
        raw = await self._lifetime.arrival(self._read())
        if raw is grpc.aio.EOF:
            await asyncio.sleep(END_SECONDS)
            raise StopAsyncIteration
        self._lifetime.check_not_expired()
        return decode(raw, self._parse)
