"""A proxy between client and server that cuts bulk streams where a test wants it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

BULK = "/dashboardcatalog.v1.DashboardService/BulkUpsert"

Cut = Callable[[int, int], bool]
"""Takes the number of the connection and of the response on it, and says whether to cut before that response."""


def never(_connection: int, _response: int) -> bool:
    return False


class CuttingProxy(grpc.GenericRpcHandler):
    """Forwards BulkUpsert.

    Attributes:
        address: Where it listens.
        cut: Where to cut streams.
        cut_ends: Number of connections on which the end of the stream is lost, after the last response.
        code: The code that cut streams end with.
        connections: Number of connections so far.
        responses: Number of responses that were forwarded.
    """

    def __init__(self, server: str) -> None:
        self.cut: Cut = never
        self.cut_ends = 0
        self.code = grpc.StatusCode.UNAVAILABLE
        self.connections = 0
        self.responses = 0
        self._upstream = grpc.aio.insecure_channel(server)
        self._call: Any = self._upstream.stream_stream(BULK)
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._cut_now = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(None)
        await self._upstream.close()

    def service(self, handler_call_details: Any) -> Any:
        return grpc.stream_stream_rpc_method_handler(self._serve)

    def cut_once(self, before: int) -> None:
        """Cuts the next connection before its response number `before`, and no other connection."""
        self.connections, self.cut = 0, lambda connection, response: (connection, response) == (0, before)

    def cut_now(self) -> None:
        """Cuts all open streams."""
        self._cut_now.set()
        self._cut_now = asyncio.Event()

    async def _serve(self, requests: AsyncIterator[bytes], context: Any) -> None:
        connection, self.connections = self.connections, self.connections + 1
        authorization = [entry for entry in context.invocation_metadata() if entry[0] == "authorization"]
        call = self._call(requests, metadata=authorization)
        cut_now = asyncio.create_task(self._cut_now.wait())
        handing_on = asyncio.create_task(self._hand_on(connection, call, context))
        try:
            await asyncio.wait([cut_now, handing_on], return_when=asyncio.FIRST_COMPLETED)
            if not handing_on.done() or handing_on.result():
                await self._end(context)
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details(), tuple(error.trailing_metadata()))
        finally:
            cut_now.cancel()
            handing_on.cancel()
            call.cancel()

    async def _hand_on(self, connection: int, call: Any, context: Any) -> bool:
        """Forwards responses, and returns whether to cut the stream."""
        await context.send_initial_metadata(())
        number = 0
        async for response in call:
            if self.cut(connection, number):
                return True
            await context.write(response)
            self.responses += 1
            number += 1
        return connection < self.cut_ends

    async def _end(self, context: Any) -> None:
        if self.code is not grpc.StatusCode.OK:
            await context.abort(self.code, "cut")
