"""A server whose streams break on demand, for the commands that go on after that."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2

from dashboardcatalog.v1 import bulk_session_pb2, catalog_service_pb2_grpc
from tests.cli.small_catalog import abort, error_status


class SmallStreams(catalog_service_pb2_grpc.CatalogServiceServicer):
    """Delivers messages, each with its number as the token.

    Attributes:
        messages: What WatchChanges, ExportCatalog and RevertSession deliver.
        requests: The requests of all streams, and of Search.
        break_after: The numbers of messages after which a stream breaks, in turn.
        code: The code with which it breaks.
        ends: Whether the last message ends the stream.
        pages: What Search answers; the page token is the number of the page.
    """

    def __init__(self) -> None:
        self.messages: Sequence[Any] = ()
        self.requests: list[Any] = []
        self.break_after: list[int] = []
        self.code = code_pb2.UNAVAILABLE
        self.ends = True
        self.pages: Sequence[Any] = ()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Lets a server serve it."""
        catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server(self, server)

    async def WatchChanges(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for message in self._delivered(request, int(request.resume_token or 0), context):
            yield message

    async def ExportCatalog(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for message in self._delivered(request, int(request.resume_token or 0), context):
            yield message

    async def RevertSession(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for message in self._delivered(request, 0, context):
            yield message

    async def Search(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return self.pages[int(request.page_token or 1) - 1]

    async def GetBulkSession(self, request: Any, context: Any) -> Any:
        session = bulk_session_pb2.BulkSession(session_id=request.session_id, service="s", owner="loader")
        session.summary.created = 1_234
        return bulk_session_pb2.GetBulkSessionResponse(session=session)

    async def _delivered(self, request: Any, start: int, context: Any) -> AsyncIterator[Message]:
        self.requests.append(request)
        for number, message in enumerate(self.messages[start:], start + 1):
            if self.break_after and number > self.break_after[0]:
                self.break_after.pop(0)
                await abort(context, error_status(self.code, "DRAINING", "the server is stopping"))
            if "resume_token" in message.DESCRIPTOR.fields_by_name:
                message.resume_token = str(number)
            yield message
        if not self.ends:
            await asyncio.sleep(60)
