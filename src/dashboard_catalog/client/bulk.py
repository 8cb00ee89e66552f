"""A load of many items that survives whatever happens to its connection.

Keeps what is not yet acknowledged, and after a break sends it again in the same session: the server writes every item
once, and every failure is told once.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
import grpc.aio
from google.rpc import status_pb2

from dashboard_catalog.client.channel import Token, metadata_for
from dashboard_catalog.client.chunks import Item, chunks_of, item_of
from dashboards.v1 import asset_pb2, bulk_pb2

if TYPE_CHECKING:
    # Stubs know it, the generated code has one class for both.
    from dashboards.v1.dashboard_service_pb2_grpc import DashboardServiceAsyncStub

# So many chunks are on their way: enough that the server never waits.
_CHUNKS_IN_FLIGHT = 8
_METADATA_SECONDS = 5.0
_FIRST_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a load is written; see the contract's `BulkUpsertOptions`.

    Attributes:
        session_id: Names the load, so that another process can go on with it; a new one by default.
        service: Fully qualified name of the BI service that it is about.
        update_mask: Fields that are written even where they are empty.
        sweep_percent: Sweep `service` afterwards, unless more than this share would go; None for no sweep.
        give_up_seconds: How long a broken connection is tried again without any progress.
    """

    session_id: str = ""
    service: str = ""
    update_mask: tuple[str, ...] = ()
    override_metadata: bool = False
    validate_only: bool = False
    max_failures: int | None = None
    sweep_percent: int | None = None
    give_up_seconds: float = 300.0

    def message(self, session_id: str) -> bulk_pb2.BulkUpsertOptions:
        """Returns them as the contract says them."""
        options = bulk_pb2.BulkUpsertOptions(
            session_id=session_id,
            service=self.service,
            override_metadata=self.override_metadata,
            validate_only=self.validate_only,
            max_failures=self.max_failures,
        )
        options.update_mask.paths.extend(self.update_mask)
        if self.sweep_percent is not None:
            options.sweep.max_deleted_percent = self.sweep_percent
        return options


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """An item that was refused.

    Attributes:
        item: As it was sent; `item.place` is what the caller called it.
        fqn: Its fully qualified name, empty if that cannot be told.
        status: Why, as the unary call would have said it.
    """

    item: Item
    fqn: str
    status: status_pb2.Status


@dataclass(slots=True)
class _Chunk:
    offset: int
    items: list[Item]

    @property
    def end(self) -> int:
        return self.offset + len(self.items)

    def request(self) -> bulk_pb2.BulkUpsertRequest:
        return bulk_pb2.BulkUpsertRequest(offset=self.offset, items=[item.message for item in self.items])


class BulkLoad:
    """One load. Iterate over it to run it: it yields every failure once, and then `summary` is set.

    Args:
        items: `Item`s, or messages of the contract (`BulkUpsertItem`, `DashboardSpec`, `ChartSpec`, `Entity`); read
            once, as the server takes them. Entities first, then charts, then dashboards.
        on_progress: Called with the number of items that the server is done with.

    Raises:
        grpc.aio.AioRpcError: From iterating, if the load ends before its time. What was acknowledged is kept, and the
            same load with the same `session_id` goes on.
    """

    def __init__(
        self,
        stub: "DashboardServiceAsyncStub",
        token: Token,
        items: Iterable[Any],
        options: LoadOptions,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self.session_id = options.session_id or str(uuid4())
        self.summary: bulk_pb2.BulkUpsertSummary | None = None
        self._stub = stub
        self._token = token
        self._options = options
        self._on_progress = on_progress or (lambda _done: None)
        self._chunks: Iterator[list[Item]] = chunks_of(map(item_of, items))
        self._unacknowledged: deque[_Chunk] = deque()
        self._sent_to = 0
        self._acknowledged = 0
        self._exhausted = False
        self._room = asyncio.Condition()
        self._failures: asyncio.Queue[ItemFailure | None] = asyncio.Queue()
        self._patience = time.monotonic()

    async def __aiter__(self) -> AsyncIterator[ItemFailure]:
        running = asyncio.create_task(self._run())
        try:
            while (failure := await self._failures.get()) is not None:
                yield failure
            await running
        finally:
            running.cancel()

    async def _run(self) -> None:
        try:
            attempt = 0
            while self.summary is None:
                before = self._acknowledged
                try:
                    await self._connect()
                except grpc.aio.AioRpcError as error:
                    attempt = 0 if self._acknowledged > before else attempt + 1
                    await self._wait(error, attempt)
        finally:
            self._failures.put_nowait(None)

    async def _wait(self, error: grpc.aio.AioRpcError, attempt: int) -> None:
        """Waits before the next connection, or gives up by raising the error."""
        if not (error.code() is grpc.StatusCode.UNAVAILABLE or _broke_while_writing(error)):
            raise error
        if time.monotonic() - self._patience > self._options.give_up_seconds:
            raise error
        most = min(_MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2**attempt)
        await asyncio.sleep(random.uniform(most / 2, most))

    async def _connect(self) -> None:
        """Runs one connection to its end."""
        call: Any = self._stub.BulkUpsert(metadata=metadata_for(self._token))
        sending = asyncio.create_task(self._send(call))
        try:
            while (response := await call.read()) is not grpc.aio.EOF:
                await self._take(response)
        finally:
            sending.cancel()
            call.cancel()
        # A stream that ends without its summary or an error was cut by something in between.
        if self.summary is None:
            raise await _ended(call)

    async def _send(self, call: Any) -> None:
        # The server answers metadata before it reads, so a call that it refuses ends before anything is written to it.
        with suppress(TimeoutError):
            async with asyncio.timeout(_METADATA_SECONDS):
                await call.initial_metadata()
        if call.done():
            return
        options = self._options.message(self.session_id)
        await call.write(bulk_pb2.BulkUpsertRequest(options=options))
        for unacknowledged in list(self._unacknowledged):
            await call.write(unacknowledged.request())
        while (chunk := await self._next_chunk()) is not None:
            await call.write(chunk.request())
        finish = bulk_pb2.BulkUpsertFinish(total_items=self._sent_to)
        await call.write(bulk_pb2.BulkUpsertRequest(finish=finish))
        await call.done_writing()

    async def _next_chunk(self) -> _Chunk | None:
        async with self._room:
            await self._room.wait_for(lambda: len(self._unacknowledged) < _CHUNKS_IN_FLIGHT)
        items = None if self._exhausted else next(self._chunks, None)
        if items is None:
            self._exhausted = True
            return None
        chunk = _Chunk(self._sent_to, items)
        self._sent_to = chunk.end
        self._unacknowledged.append(chunk)
        return chunk

    async def _take(self, response: bulk_pb2.BulkUpsertResponse) -> None:
        self._patience = time.monotonic()
        match response.WhichOneof("response"):
            case "progress":
                for result in response.progress.results:
                    # Below what is acknowledged, an earlier connection has told it already.
                    if result.outcome == asset_pb2.OUTCOME_FAILED and result.offset >= self._acknowledged:
                        self._failures.put_nowait(self._failure(result))
                await self._acknowledge(response.progress.next_offset)
            case "summary":
                self.summary = response.summary

    def _failure(self, result: bulk_pb2.BulkUpsertResult) -> ItemFailure:
        chunk = next(each for each in self._unacknowledged if each.offset <= result.offset < each.end)
        return ItemFailure(chunk.items[result.offset - chunk.offset], result.fully_qualified_name, result.status)

    async def _acknowledge(self, next_offset: int) -> None:
        # A session that another process began is further than this one: its failures are still to come.
        next_offset = min(next_offset, self._sent_to)
        if next_offset <= self._acknowledged:
            return
        self._acknowledged = next_offset
        async with self._room:
            while self._unacknowledged and self._unacknowledged[0].end <= next_offset:
                self._unacknowledged.popleft()
            self._room.notify_all()
        self._on_progress(next_offset)


def _broke_while_writing(error: grpc.aio.AioRpcError) -> bool:
    """Says whether gRPC noticed by a failing write that the connection is gone, before it learned the status."""
    return error.code() is grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core"


async def _ended(call: Any) -> grpc.aio.AioRpcError:
    code = await call.code()
    return grpc.aio.AioRpcError(
        code if code is not grpc.StatusCode.OK else grpc.StatusCode.UNAVAILABLE,
        await call.initial_metadata(),
        await call.trailing_metadata(),
        await call.details() or "the stream ended without a summary",
    )
