"""Watches changes as clients do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from google.protobuf import json_format

from dashboardcatalog.v1 import watch_pb2
from tests.patience import PATIENCE
from tests.service.caller import Caller, Json, Refused


class Watcher:
    """One stream of changes.

    Attributes:
        changes: What it has delivered.
        token: The newest resume token.
        caught_up: How many messages said that the past has been delivered.
    """

    def __init__(self, call: Any) -> None:
        self._call = call
        self.changes: list[Json] = []
        self.token = ""
        self.caught_up = 0

    async def read(self) -> Json:
        """Reads one message.

        Raises:
            Refused: If the stream has ended.
        """
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise Refused(error) from None
        assert message is not grpc.aio.EOF
        response: Json = json_format.MessageToDict(message)
        self.changes += response.get("changes", [])
        self.token = response["resumeToken"]
        self.caught_up += bool(response.get("caughtUp"))
        return response

    async def end(self) -> Refused:
        """Reads until the stream ends, and returns why it has."""
        try:
            while True:
                await self.read()
        except Refused as refused:
            return refused

    async def take(self, count: int) -> list[str]:
        """Reads until so many changes have arrived that were not taken yet, and takes all of these in short form."""
        while len(self.changes) < count:
            await self.read()
        taken, self.changes = self.changes, []
        return [short(change) for change in taken]

    async def catch_up(self) -> list[Json]:
        """Reads until it has caught up, and returns the changes."""
        while not self.caught_up:
            await self.read()
        return self.changes

    async def past(self) -> list[str]:
        """Reads until it has caught up, and takes the changes in short form."""
        await self.catch_up()
        return await self.take(0)


@asynccontextmanager
async def watching(caller: Caller, **request: Any) -> AsyncIterator[Watcher]:
    """Watches until the end of the block."""
    message = json_format.ParseDict(request, watch_pb2.WatchChangesRequest())
    call = caller._stubs["Entit"].WatchChanges(message, metadata=caller.metadata, timeout=PATIENCE)
    try:
        yield Watcher(call)
    finally:
        call.cancel()


async def watch_from_now(caller: Caller, **request: Any) -> str:
    """Returns a token of the present."""
    async with watching(caller, **request) as watcher:
        await watcher.read()
        return watcher.token


def short(change: Json) -> str:
    """Returns a change as `TYPE KIND FQN VERSION`."""
    type_, kind = change["type"].removeprefix("CHANGE_TYPE_"), change["kind"].removeprefix("KIND_")
    return f"{type_} {kind} {change['fullyQualifiedName']} {change.get('version', '')}".strip().lower()
