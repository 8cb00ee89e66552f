"""A load of many items that survives broken connections.

Keeps the items that the server has not acknowledged, and sends them again in the same session when a connection breaks.
The server writes every item once, and the load yields every failure once.
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
from dashboard_catalog_client.status import with_size
from dashboardcatalog.v1 import asset_pb2, bulk_pb2, entity_pb2
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub

OpenChannel = Callable[[], grpc.aio.Channel]
Progress = Callable[[int], None]
"""Takes the number of items that the server has processed."""
ConnectionLost = Callable[[grpc.aio.AioRpcError], None]
"""Takes the error that the connection ended with."""
LeftOut = Callable[[bulk_pb2.BulkUpsertResult], None]
"""Takes the result of an item whose `left_out` names references that do not exist."""

# Errors of a write to a call that has ended.
_ENDED = (grpc.aio.AioRpcError, grpc.aio.InternalError, asyncio.InvalidStateError)
# gRPC's first words about a call whose write failed; the real status comes a moment later.
_NOT_YET_KNOWN = "Internal error from Core"
_MAX_PROBES = 100
_SECONDS_BETWEEN_PROBES = 0.01


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """An item that the server refused.

    Attributes:
        item: The item as it was sent; `item.place` is the caller's name for it.
        kind: Its kind; unspecified if it has none.
        fqn: Its fully qualified name; empty if the item does not have one.
        status: The reason, as the status of the unary call would give it.
    """

    item: Item
    kind: entity_pb2.Kind.ValueType
    fqn: str
    status: status_pb2.Status


class BulkLoad:
    """One load. Iterate over it to run it: it yields every failure once, then sets `summary`.

    Leaving the iteration early ends the load. The server keeps what it has processed by then.

    Args:
        open_channel: Opens the channel of the load; gRPC must not retry anything on it.
        token: A token, or a function that returns the one to use now.
        items: `Item`s, or messages of the contract (`BulkUpsertItem`, `DashboardSpec`, `ChartSpec`, `Entity`), from an
            iterable or an async iterable. The load reads them once, as fast as the server takes them, and sends them in
            chunks of one kind and one BI service where possible. Among each 10,000 items it sends entities first, then
            charts, then dashboards, so an item may come a little before the items that it refers to.
        on_progress: Called with the number of items that the server has processed.
        on_connection_lost: Called with the error when the connection breaks, before the load tries again. Called once
            per break, however many attempts it takes to reconnect.
        on_left_out: Called with the result of each item that was written without references that do not exist; see
            `LoadOptions.missing_references`. Results that a broken connection has lost are not sent again.

    Attributes:
        session_id: UUID of the load.
        start_offset: Number of items that an earlier load with the same `session_id` had finished; None until the
            server answers.
        summary: Counts of the whole session, set when it ends; also if it ends because of too many failures.

    Raises:
        grpc.aio.AioRpcError: From iterating, if the load ends early. The server keeps what it has acknowledged, and
            another load of the same items with the same options and `session_id` continues from there.
        TypeError: From iterating, if an item has another type.
        RuntimeError: If it is iterated over twice.

    An exception of `items`, of the token function or of a callback ends the load too, and is raised from iterating.
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
        on_left_out: LeftOut | None = None,
    ) -> None:
        self.session_id = options.get("session_id") or str(uuid4())
        self.start_offset: int | None = None
        self.summary: bulk_pb2.BulkUpsertSummary | None = None
        self._open_channel = open_channel
        self._token = token
        self._options = options
        self._on_progress = on_progress or (lambda _done: None)
        self._on_connection_lost = on_connection_lost or (lambda _error: None)
        self._on_left_out = on_left_out or (lambda _result: None)
        self._pending = Pending(chunks_from(items))
        self._retries = Retries(options.get("give_up_seconds", GIVE_UP_SECONDS), can_renew=callable(token))
        self._failures: asyncio.Queue[ItemFailure | None] = asyncio.Queue()
        # The failures of all items below this offset have been yielded.
        self._yielded = 0
        self._has_begun = False

    async def __aiter__(self) -> AsyncIterator[ItemFailure]:
        if self._has_begun:
            raise RuntimeError("a load runs once; another one with the same session_id continues it")
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

    async def processed(self, seconds: float) -> int | None:
        """Returns the number of items that the server has processed, for a load that has ended early.

        Nothing is processed after that, until another load continues the session.

        Args:
            seconds: How long to wait for the server.

        Returns:
            The number, or None if the server does not answer, or keeps nothing because of `validate_only`.
        """
        if self._options.get("validate_only"):
            return None
        async with self._open_channel() as channel:
            stub: Any = DashboardServiceStub(channel)
            call = stub.BulkUpsert(metadata=metadata_for(self._token), timeout=seconds)
            with suppress(*_ENDED):
                await call.write(self._opening())
                async for response in call:
                    return int(response.started.next_offset)
        return None

    def _opening(self) -> bulk_pb2.BulkUpsertRequest:
        return bulk_pb2.BulkUpsertRequest(options=message_of(self._options, self.session_id))

    async def _run(self) -> Exception | None:
        """Runs connections until one ends well; returns the exception of the caller's own code if there was one."""
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
        """Returns when it is time for another connection; raises the error if another would not help."""
        if self._options.get("validate_only") and self._pending.acknowledged:
            # The server has kept nothing to continue from.
            raise error
        delay = self._retries.delay(error)
        if delay and self._retries.is_first:
            self._on_connection_lost(error)
        await asyncio.sleep(delay)

    async def _connect(self, stub: Any) -> None:
        """Runs one connection to its end.

        Raises:
            grpc.aio.AioRpcError: If it ended early.
            _CallersError: If the caller's own code failed.
        """
        self.summary = None
        with _callers_code():
            metadata = metadata_for(self._token)
        call = stub.BulkUpsert(metadata=metadata)
        sending, reading = asyncio.create_task(self._send(call)), asyncio.create_task(self._read(call))
        # A write that fails now would replace the status that says why the call has ended.
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
        """Sends everything that the server does not have. Stops early if the call ends; reading gives the reason."""
        with suppress(*_ENDED):
            await call.write(self._opening())
            sent = 0
            while (chunk := await self._chunk_after(sent)) is not None:
                await call.write(chunk.request())
                sent = chunk.end
            finish = bulk_pb2.BulkUpsertFinish(total_items=self._pending.end)
            await call.write(bulk_pb2.BulkUpsertRequest(finish=finish))
            await call.done_writing()

    async def _chunk_after(self, offset: int) -> Chunk | None:
        with _callers_code():
            return await self._pending.after(offset)

    async def _read(self, call: Any) -> None:
        # Not with `call.read()`: after a failed write it hides responses that have already arrived.
        with suppress(grpc.aio.AioRpcError):
            async for response in call:
                self._take(response)
        code, details = await _status_of(call)
        if code is grpc.StatusCode.OK:
            if self.summary is not None and self._pending.is_done:
                return
            code, details = grpc.StatusCode.UNAVAILABLE, "the stream ended early"
        raise grpc.aio.AioRpcError(code, await call.initial_metadata(), await call.trailing_metadata(), details)

    def _take(self, response: bulk_pb2.BulkUpsertResponse) -> None:
        match response.WhichOneof("response"):
            case "started":
                if self.start_offset is None:
                    self.start_offset = response.started.next_offset
                if self._pending.is_idle:
                    self._retries.reset()
            case "progress":
                for result in response.progress.results:
                    self._yield_failure(result)
                    if result.left_out:
                        with _callers_code():
                            self._on_left_out(result)
                self._acknowledge(response.progress.next_offset)
            case "summary":
                self.summary = response.summary

    def _yield_failure(self, result: bulk_pb2.BulkUpsertResult) -> None:
        # An earlier connection has yielded those below.
        if result.outcome != asset_pb2.OUTCOME_FAILED or result.offset < max(self._yielded, self._pending.acknowledged):
            return
        self._yielded = result.offset + 1
        item, status = self._pending.item_at(result.offset), result.status
        if item.is_replaced:
            status = with_size(status, item.sent.ByteSize(), item.size)
        self._failures.put_nowait(ItemFailure(item, result.kind, result.fully_qualified_name, status))

    def _acknowledge(self, next_offset: int) -> None:
        if self._pending.acknowledge(next_offset):
            self._retries.reset()
            with _callers_code():
                self._on_progress(self._pending.acknowledged)


class _CallersError(Exception):
    """Wraps an exception of the caller's own code, to tell it from errors of the connection."""

    def __init__(self, raised: Exception) -> None:
        super().__init__()
        self.raised = raised


@contextmanager
def _callers_code() -> Iterator[None]:
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
    for _ in range(_MAX_PROBES):
        if await call.details() != _NOT_YET_KNOWN:
            break
        await asyncio.sleep(_SECONDS_BETWEEN_PROBES)
    return await call.code(), await call.details()
