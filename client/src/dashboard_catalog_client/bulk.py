"""A load of many items that survives whatever happens to its connection.

Keeps what is not yet acknowledged, and after a break sends it again in the same session: the server writes every item
once, and every failure is told once.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import grpc.aio
from google.rpc import status_pb2

from dashboard_catalog_client.channel import Token, metadata_for
from dashboard_catalog_client.chunks import Item, chunks_from
from dashboard_catalog_client.options import GIVE_UP_SECONDS, LoadOptions, message_of
from dashboard_catalog_client.pending import Chunk, Pending
from dashboard_catalog_client.retries import Retries
from dashboardcatalog.v1 import asset_pb2, bulk_pb2, entity_pb2
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub

OpenChannel = Callable[[], grpc.aio.Channel]
Progress = Callable[[int], None]
"""Takes the number of items that the server is done with."""
ConnectionLost = Callable[[grpc.aio.AioRpcError], None]
"""Takes why."""

# What a write says to a call that has ended.
_ENDED = (grpc.aio.AioRpcError, grpc.aio.InternalError, asyncio.InvalidStateError)
# What gRPC says of a call when a write to it fails first; why it has ended comes a moment later.
_NOT_YET_KNOWN = "Internal error from Core"
_LOOKS = 100
_SECONDS_BETWEEN_LOOKS = 0.01


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """An item that was refused.

    Attributes:
        item: As it was sent; `item.place` is what the caller called it.
        kind: Its kind; unspecified if it has none.
        fqn: Its fully qualified name, empty if that cannot be told.
        status: Why, as the unary call would have said it.
    """

    item: Item
    kind: entity_pb2.Kind.ValueType
    fqn: str
    status: status_pb2.Status


class BulkLoad:
    """One load. Iterate over it to run it: it yields every failure once, and then `summary` is set.

    Leaving the iteration early ends the load, after what the server is done with by then.

    Args:
        open_channel: Opens the channel of the load, on which gRPC must not retry anything.
        token: A token, or what returns the one to use now.
        items: `Item`s, or messages of the contract (`BulkUpsertItem`, `DashboardSpec`, `ChartSpec`, `Entity`), from an
            iterable, or an async one where the source is waited for. They are read once, as the server takes them, and
            sent in chunks of one kind and one BI service as far as that goes. Among each 10,000 items, entities are
            sent first, then charts, then dashboards; so what an item refers to comes before it or soon after.
        on_progress: Called with the number of items that the server is done with.
        on_connection_lost: Called when the connection has broken, with why, before it is tried again; once, however
            many tries that takes.

    Attributes:
        session_id: Names the load.
        began_at: How many of the items the server was done with before this load reached it, in an earlier load of the
            same `session_id`; None while the server has not answered.
        summary: Counts of the whole session, once it has ended; also if it ended by too many failures.

    Raises:
        grpc.aio.AioRpcError: From iterating, if the load ends before its time. What was acknowledged is kept, and a
            load of the same items with the same options and `session_id` goes on.
        TypeError: From iterating, if an item is none.
        RuntimeError: If it is iterated over twice.

    Whatever `items`, a token that is called or a callback raises ends the load, too, and is raised from iterating.
    """

    def __init__(
        self,
        open_channel: OpenChannel,
        token: Token,
        items: Iterable[Any] | AsyncIterable[Any],
        options: LoadOptions,
        *,
        on_progress: Progress | None = None,
        on_connection_lost: ConnectionLost | None = None,
    ) -> None:
        self.session_id = options.get("session_id") or str(uuid4())
        self.began_at: int | None = None
        self.summary: bulk_pb2.BulkUpsertSummary | None = None
        self._open_channel = open_channel
        self._token = token
        self._options = options
        self._on_progress = on_progress or (lambda _done: None)
        self._on_connection_lost = on_connection_lost or (lambda _error: None)
        self._pending = Pending(chunks_from(items))
        self._retries = Retries(options.get("give_up_seconds", GIVE_UP_SECONDS), can_renew=callable(token))
        self._failures: asyncio.Queue[ItemFailure | None] = asyncio.Queue()
        # The failures of all items below have been told.
        self._told = 0
        self._has_begun = False

    async def __aiter__(self) -> AsyncIterator[ItemFailure]:
        if self._has_begun:
            raise RuntimeError("a load runs once; another one with the same session_id goes on with it")
        self._has_begun = True
        running = asyncio.create_task(self._run())
        running.add_done_callback(lambda _: self._failures.put_nowait(None))
        try:
            while (failure := await self._failures.get()) is not None:
                yield failure
            if (raised := await running) is not None:
                raise raised
        finally:
            await _end(running)
            await self._pending.close()

    async def _run(self) -> Exception | None:
        """Runs connections until one ends well, and returns what the caller's own code raised, if it did."""
        async with self._open_channel() as channel:
            stub: Any = DashboardServiceStub(channel)
            while True:
                try:
                    await self._connect(stub)
                except grpc.aio.AioRpcError as error:
                    await self._recover(error)
                except _CallersError as error:
                    return error.raised
                else:
                    return None

    async def _recover(self, error: grpc.aio.AioRpcError) -> None:
        """Returns when it is time for another connection; raises the error if there is no point in one."""
        if self._options.get("validate_only") and self._pending.acknowledged:
            # The server has kept nothing of it to go on with.
            raise error
        delay = self._retries.delay(error)
        if delay and self._retries.is_first:
            self._on_connection_lost(error)
        await asyncio.sleep(delay)

    async def _connect(self, stub: Any) -> None:
        """Runs one connection to its end.

        Raises:
            grpc.aio.AioRpcError: If it ended before its time.
            _CallersError: For what the connection is not to blame for.
        """
        self.summary = None
        with _of_caller():
            metadata = metadata_for(self._token)
        call = stub.BulkUpsert(metadata=metadata)
        sending, reading = asyncio.create_task(self._send(call)), asyncio.create_task(self._read(call))
        # A write that fails now would put a status of its own in the place of the one that says why the call has ended.
        call.add_done_callback(lambda _: sending.cancel())
        try:
            await asyncio.wait([sending, reading], return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not sending.cancelled():
                sending.result()
            await asyncio.wait([reading])
            reading.result()
        finally:
            call.cancel()
            await _end(sending, reading)

    async def _send(self, call: Any) -> None:
        """Sends all that the server does not have; stops early if the call ends: reading it tells why."""
        with suppress(*_ENDED):
            await call.write(bulk_pb2.BulkUpsertRequest(options=message_of(self._options, self.session_id)))
            sent = 0
            while (chunk := await self._chunk_after(sent)) is not None:
                await call.write(chunk.request())
                sent = chunk.end
            finish = bulk_pb2.BulkUpsertFinish(total_items=self._pending.end)
            await call.write(bulk_pb2.BulkUpsertRequest(finish=finish))
            await call.done_writing()

    async def _chunk_after(self, offset: int) -> Chunk | None:
        with _of_caller():
            return await self._pending.after(offset)

    async def _read(self, call: Any) -> None:
        # Not by `call.read()`: after a failed write it hides what has arrived before.
        with suppress(grpc.aio.AioRpcError):
            async for response in call:
                self._take(response)
        code, details = await _status_of(call)
        if code is grpc.StatusCode.OK:
            if self.summary is not None and self._pending.is_done:
                return
            code, details = grpc.StatusCode.UNAVAILABLE, "the stream ended before its time"
        raise grpc.aio.AioRpcError(code, await call.initial_metadata(), await call.trailing_metadata(), details)

    def _take(self, response: bulk_pb2.BulkUpsertResponse) -> None:
        match response.WhichOneof("response"):
            case "started":
                if self.began_at is None:
                    self.began_at = response.started.next_offset
                if self._pending.is_idle:
                    self._retries.got_on()
            case "progress":
                for result in response.progress.results:
                    self._tell(result)
                self._acknowledge(response.progress.next_offset)
            case "summary":
                self.summary = response.summary

    def _tell(self, result: bulk_pb2.BulkUpsertResult) -> None:
        # What is below, an earlier connection has told.
        if result.outcome != asset_pb2.OUTCOME_FAILED or result.offset < max(self._told, self._pending.acknowledged):
            return
        self._told = result.offset + 1
        item = self._pending.item_at(result.offset)
        self._failures.put_nowait(ItemFailure(item, result.kind, result.fully_qualified_name, result.status))

    def _acknowledge(self, next_offset: int) -> None:
        if self._pending.acknowledge(next_offset):
            self._retries.got_on()
            with _of_caller():
                self._on_progress(self._pending.acknowledged)


class _CallersError(Exception):
    """Something that the caller's own code raised: not to be taken for the connection's."""

    def __init__(self, raised: Exception) -> None:
        super().__init__()
        self.raised = raised


@contextmanager
def _of_caller() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise _CallersError(error) from error


async def _end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks and waits until they have ended, however they do."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()


async def _status_of(call: Any) -> tuple[grpc.StatusCode, str]:
    for _ in range(_LOOKS):
        if await call.details() != _NOT_YET_KNOWN:
            break
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
    return await call.code(), await call.details()
