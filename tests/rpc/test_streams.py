"""The edge's effects on streams: requests, responses, and what ends a stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio
import pytest

from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.rpc.edge.context import caller_of
from dashboard_catalog.rpc.edge.lifetime import Lifetime, Patience
from dashboardcatalog.v1 import bulk_pb2
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from tests.patience import PATIENCE, for_some_lifetime, until
from tests.rpc.conftest import BULK, ServedEdge, logged, progress, refused


def chunk(*names: str) -> Any:
    specs = [DashboardSpec(name=name, service="s") for name in names]
    return bulk_pb2.BulkUpsertRequest(items=[bulk_pb2.BulkUpsertItem(dashboard=spec) for spec in specs])


async def test_a_stream_decodes_requests_and_sends_responses(edge: ServedEdge) -> None:
    call = edge.stub.BulkUpsert(metadata=edge.metadata)
    await call.write(chunk("a", "b"))
    assert (await call.read()).progress.next_offset == 2
    await call.write(chunk("c"))
    assert (await call.read()).progress.next_offset == 3
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_a_servicer_may_respond_by_writing(edge: ServedEdge) -> None:
    async def bulk(requests: Any, context: Any) -> None:
        async for request in requests:
            await context.write(progress(len(request.items)))

    edge.servicer.bulk = bulk
    call = edge.stub.BulkUpsert(iter([chunk("a"), chunk("b", "c")]), metadata=edge.metadata)
    assert [answer.progress.next_offset async for answer in call] == [1, 2]


async def test_messages_of_a_stream_are_not_validated(edge: ServedEdge) -> None:
    call = edge.stub.BulkUpsert(iter([chunk("a::b")]), metadata=edge.metadata)
    assert [answer.progress.next_offset async for answer in call] == [1]


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST"),
        (b"x" * 4_200_000, grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
    ],
)
async def test_a_bad_message_ends_a_stream(edge: ServedEdge, body: bytes, code: grpc.StatusCode, reason: str) -> None:
    call: Any = edge.channel.stream_stream(BULK)(metadata=edge.metadata)
    await call.write(chunk("a").SerializeToString())
    assert await call.read()
    await call.write(body)
    ended, details = await refused(call.read())
    assert (ended, details["ErrorInfo"].reason) == (code, reason)


async def test_an_error_of_a_stream_has_details(edge: ServedEdge) -> None:
    async def bulk(requests: Any, _context: Any) -> AsyncIterator[Any]:
        async for _ in requests:
            yield bulk_pb2.BulkUpsertResponse()
            raise CatalogError(Reason.OFFSET_GAP, "a gap", metadata={"next_offset": "7"})

    edge.servicer.bulk = bulk
    call = edge.stub.BulkUpsert(iter([chunk("a")]), metadata=edge.metadata)
    assert await call.read() == bulk_pb2.BulkUpsertResponse()
    code, details = await refused(call.read())
    assert code is grpc.StatusCode.OUT_OF_RANGE
    assert dict(details["ErrorInfo"].metadata) == {"next_offset": "7"}


def begin(edge: ServedEdge, end: str, lifetime: float) -> Any:
    """Begins a stream; if its token is to end it, the token expires after `lifetime` seconds."""
    return edge.stub.BulkUpsert(metadata=edge.token(lifetime) if end == "TOKEN_EXPIRED" else edge.metadata)


def drain(edge: ServedEdge, end: str) -> None:
    """Drains the server if this is to end the stream."""
    if end == "DRAINING":
        edge.gate.drain()


ENDS = [("DRAINING", grpc.StatusCode.UNAVAILABLE), ("TOKEN_EXPIRED", grpc.StatusCode.UNAUTHENTICATED)]


@pytest.mark.parametrize(("end", "code"), ENDS)
@for_some_lifetime
async def test_waiting_for_a_response_ends_with_the_stream(
    edge: ServedEdge, end: str, code: grpc.StatusCode, lifetime: float
) -> None:
    tasks = []

    async def bulk(_requests: Any, _context: Any) -> AsyncIterator[Any]:
        tasks.append(asyncio.current_task())
        try:
            await asyncio.Event().wait()
            yield progress(1)
        finally:
            tasks.append(asyncio.current_task())

    edge.servicer.bulk = bulk
    call = begin(edge, end, lifetime)
    await until(lambda: tasks)
    drain(edge, end)
    found, details = await refused(call.read())
    assert (found, details["ErrorInfo"].reason) == (code, end)
    assert len(set(tasks)) == 1
    assert len(tasks) == 2
    assert edge.gate.running == 0


async def test_a_drain_ends_a_stream_whose_responses_nobody_reads(edge: ServedEdge) -> None:
    async def bulk(_requests: Any, _context: Any) -> AsyncIterator[Any]:
        while True:
            yield bulk_pb2.BulkUpsertResponse(started=bulk_pb2.BulkUpsertStarted(session_id="x" * 1_000_000))

    edge.servicer.bulk = bulk
    call = edge.stub.BulkUpsert(metadata=edge.metadata)
    await call.read()
    await asyncio.sleep(0.2)
    edge.gate.drain()
    with suppress(grpc.aio.AioRpcError):
        async with asyncio.timeout(PATIENCE):
            while await call.read() is not grpc.aio.EOF:
                pass
    assert await call.code() is grpc.StatusCode.UNAVAILABLE
    assert edge.gate.running == 0


async def test_a_generator_that_finishes_ends_its_stream_with_ok(edge: ServedEdge) -> None:
    async def bulk(_requests: Any, _context: Any) -> AsyncIterator[Any]:
        yield progress(1)
        await asyncio.sleep(0)
        yield progress(2)

    edge.servicer.bulk = bulk
    call = edge.stub.BulkUpsert(metadata=edge.token(seconds=60))
    assert [response.progress.next_offset async for response in call] == [1, 2]
    assert await call.code() is grpc.StatusCode.OK


async def test_a_timeout_in_a_generator_is_not_mistaken_for_the_end_of_its_stream(edge: ServedEdge) -> None:
    async def bulk(_requests: Any, _context: Any) -> AsyncIterator[Any]:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
        yield progress(1)

    edge.servicer.bulk = bulk
    code, details = await refused(edge.stub.BulkUpsert(metadata=edge.token(seconds=60)).read())
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.INTERNAL, "BUG")


@pytest.mark.parametrize(("end", "code"), ENDS)
@for_some_lifetime
async def test_waiting_for_a_request_ends_with_the_stream(
    edge: ServedEdge, end: str, code: grpc.StatusCode, lifetime: float
) -> None:
    async def bulk(requests: Any, context: Any) -> None:
        async for request in requests:
            await context.write(progress(len(request.items)))

    edge.servicer.bulk = bulk
    call = begin(edge, end, lifetime)
    await call.write(chunk("a"))
    assert (await call.read()).progress.next_offset == 1
    # By now the servicer is waiting for another message.
    await asyncio.sleep(0.1)
    drain(edge, end)
    found, details = await refused(call.read())
    assert (found, details["ErrorInfo"].reason) == (code, end)
    assert edge.gate.running == 0


@pytest.mark.parametrize(("end", "code"), ENDS)
@for_some_lifetime
async def test_a_servicer_that_writes_finishes_the_request_it_has_read(
    edge: ServedEdge, end: str, code: grpc.StatusCode, lifetime: float
) -> None:
    has_read = asyncio.Event()

    async def bulk(requests: Any, context: Any) -> None:
        async for request in requests:
            has_read.set()
            await asyncio.sleep(lifetime if end == "TOKEN_EXPIRED" else 0)
            await context.write(progress(len(request.items)))

    edge.servicer.bulk = bulk
    call = begin(edge, end, lifetime)
    await call.write(chunk("a"))
    await call.write(chunk("b", "c"))
    await has_read.wait()
    drain(edge, end)
    assert (await call.read()).progress.next_offset == 1
    found, details = await refused(call.read())
    assert (found, details["ErrorInfo"].reason) == (code, end)


@for_some_lifetime
async def test_a_stream_whose_requests_ended_before_its_token_expired_ends_with_ok(
    edge: ServedEdge, lifetime: float
) -> None:
    async def bulk(requests: Any, context: Any) -> None:
        async for request in requests:
            await asyncio.sleep(lifetime)
            await context.write(progress(len(request.items)))

    edge.servicer.bulk = bulk
    call = edge.stub.BulkUpsert(iter([chunk("a")]), metadata=edge.token(lifetime))
    assert [response.progress.next_offset async for response in call] == [1]
    assert await call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("sends_another", [False, True])
async def test_a_draining_server_ends_a_stream_between_messages(edge: ServedEdge, sends_another: bool) -> None:
    call = edge.stub.BulkUpsert(metadata=edge.metadata)
    await call.write(chunk("a"))
    assert (await call.read()).progress.next_offset == 1
    edge.gate.drain()
    with logged(edge) as lines:
        if sends_another:
            # The stream may have ended already. Then the client of grpc.aio does not always learn how.
            with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
                await call.write(chunk("b"))
        else:
            code, details = await refused(call.read())
            assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        async with asyncio.timeout(PATIENCE):
            await edge.gate.idle()
    assert [(line["code"], line["reason"]) for line in lines] == [("UNAVAILABLE", "DRAINING")]


@pytest.mark.parametrize("by", ["cancelling", "a deadline", "a message beyond the transport's limit"])
async def test_a_broken_stream_is_not_mistaken_for_its_end(edge: ServedEdge, by: str) -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def bulk(requests: Any, _context: Any) -> AsyncIterator[Any]:
        try:
            async for _ in requests:
                yield bulk_pb2.BulkUpsertResponse()
            ended.set_result("half-closed")
        except (asyncio.CancelledError, GeneratorExit):
            # The latter if the call was cancelled before its response had quite left.
            ended.set_result("cancelled")
            raise

    edge.servicer.bulk = bulk
    timeout = 0.5 if by == "a deadline" else None
    call: Any = edge.channel.stream_stream(BULK)(metadata=edge.metadata, timeout=timeout)
    await call.write(b"")
    await call.read()
    if by == "cancelling":
        call.cancel()
    elif by != "a deadline":
        await call.write(b"x" * 9_000_000)
    async with asyncio.timeout(PATIENCE):
        assert await ended == "cancelled"
        await edge.gate.idle()


@pytest.mark.parametrize("size", [1, 1_000_000], ids=["while it waits", "while its answer waits to be sent"])
async def test_a_generator_is_closed_before_its_call_ends(edge: ServedEdge, size: int) -> None:
    closed = []

    async def bulk(_requests: Any, context: Any) -> AsyncIterator[Any]:
        task = asyncio.current_task()
        answer = bulk_pb2.BulkUpsertResponse(started=bulk_pb2.BulkUpsertStarted(session_id="x" * size))
        try:
            while True:
                yield answer
                await (asyncio.Event().wait() if size == 1 else asyncio.sleep(0))
        finally:
            closed.append((caller_of(context).principal.subject, asyncio.current_task() is task))

    edge.servicer.bulk = bulk
    call = edge.stub.BulkUpsert(metadata=edge.metadata)
    await call.read()
    await asyncio.sleep(0.2)
    call.cancel()
    async with asyncio.timeout(PATIENCE):
        await edge.gate.idle()
    assert closed == [("ada", True)]


@pytest.mark.parametrize("drained_before", [True, False])
async def test_a_stream_that_ends_while_the_server_drains_leaves_no_error(drained_before: bool) -> None:
    gate, problems = Gate(1), []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: problems.append(context))
    if drained_before:
        gate.drain()

    async with Lifetime(gate, None, Patience()).limit():
        gate.drain()
    await asyncio.sleep(0.01)
    loop.set_exception_handler(None)

    assert problems == []
