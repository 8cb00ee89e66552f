"""One BulkUpsert call that a test controls step by step."""

from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf import json_format

from dashboardcatalog.v1 import bulk_pb2
from tests.patience import PATIENCE
from tests.service.caller import Bulk, Caller, Json, Refused


class Stream:
    """A call that is cancelled at the end of its block, unless it has ended."""

    def __init__(self, caller: Caller, timeout: float = PATIENCE) -> None:
        self.call: Any = caller._stubs["Dashboard"].BulkUpsert(metadata=caller.metadata, timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call.cancel()

    async def send(self, *items: Json, **request: Any) -> None:
        """Sends one message in JSON form."""
        message = {"items": list(items), **request}
        await self.call.write(json_format.ParseDict(message, bulk_pb2.BulkUpsertRequest()))

    async def read(self) -> Json:
        """Returns the next response in JSON form, or an empty one at the end.

        Raises:
            Refused: If the call ended with an error.
        """
        try:
            response = await self.call.read()
        except grpc.aio.AioRpcError as error:
            raise Refused(error) from None
        return {} if response is grpc.aio.EOF else json_format.MessageToDict(response)

    async def read_until(self, next_offset: int) -> None:
        """Reads until everything below an offset is acknowledged."""
        while int((await self.read()).get("progress", {}).get("nextOffset", 0)) < next_offset:
            pass

    async def end(self) -> Bulk:
        """Closes the sending side and returns all unread responses."""
        await self.call.done_writing()
        return await self.rest()

    async def rest(self) -> Bulk:
        """Returns all unread responses, up to the end of the call."""
        bulk = Bulk()
        try:
            while (response := await self.call.read()) is not grpc.aio.EOF:
                bulk.add(json_format.MessageToDict(response), response)
        except grpc.aio.AioRpcError as error:
            bulk.refused = Refused(error)
        return bulk
