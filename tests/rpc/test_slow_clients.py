"""Clients that send nothing, stop in the middle, or never read: what they get, and what they cannot hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from dashboard_catalog.calls.shares import Shares
from dashboard_catalog.rpc.edge.edge import Budgets
from dashboard_catalog.rpc.edge.lifetime import Patience
from dashboard_catalog.rpc.edge.watchers import watches
from dashboardcatalog.v1 import bulk_pb2
from dashboardcatalog.v1 import dashboard_service_pb2 as dashboards
from tests.patience import PATIENCE, until
from tests.rpc.conftest import BULK, GET, SOMETHING, Scripted, ServedEdge, logged, progress, refused, serving

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
HELD = bulk_pb2.BulkUpsertResponse(started=bulk_pb2.BulkUpsertStarted(session_id="x" * 1_000_000))


def without_body(edge: ServedEdge, method: str, metadata: Any = ()) -> Any:
    """Begins a call that sends its headers and nothing else. It takes any kind of method."""
    return edge.channel.stream_stream(method)(metadata=metadata)


def watch(channel: grpc.aio.Channel) -> Any:
    """Begins to watch the health of the server."""
    health: Any = health_pb2_grpc.HealthStub(channel)
    return health.Watch(health_pb2.HealthCheckRequest())


@pytest.mark.parametrize("method", [GET, BULK])
async def test_a_stranger_is_refused_before_sending_anything(edge: ServedEdge, method: str) -> None:
    code, details = await refused(without_body(edge, method).read())
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


@pytest.mark.parametrize("method", [GET, CHECK, WATCH])
async def test_a_call_that_ends_without_a_message_is_malformed(edge: ServedEdge, method: str) -> None:
    call = without_body(edge, method, edge.metadata)
    await call.done_writing()
    code, details = await refused(call.read())
    assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


@pytest.mark.parametrize("method", [GET, BULK, CHECK, WATCH, REFLECT])
async def test_a_message_that_does_not_arrive_in_time_ends_its_call(tmp_path: Path, method: str) -> None:
    async with serving(tmp_path, budgets=Budgets(Patience(first=0.1))) as edge:
        with logged(edge) as lines:
            first = asyncio.create_task(refused(without_body(edge, method, edge.metadata).read()))
            await asyncio.sleep(0.05)
            await refused(without_body(edge, method, edge.metadata).read())
            code, details = await first
            assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAVAILABLE, "CLIENT_IDLE")
            assert details["RetryInfo"]
            await until(lambda: len(lines) == 2 and not edge.gate.running)
        assert [line["reason"] for line in lines] == ["CLIENT_IDLE"] * 2
        # The next call is timed, too.
        await refused(without_body(edge, method, edge.metadata).read())


async def test_a_stream_may_pause_between_messages_for_longer_than_before_the_first(tmp_path: Path) -> None:
    async with serving(tmp_path, budgets=Budgets(Patience(first=0.5, next=PATIENCE))) as edge:
        call = edge.stub.BulkUpsert(metadata=edge.metadata)
        await call.write(bulk_pb2.BulkUpsertRequest())
        await call.read()
        await asyncio.sleep(0.6)
        await call.write(bulk_pb2.BulkUpsertRequest())
        assert await call.read() == progress(0)


async def test_a_stream_whose_client_does_nothing_ends(tmp_path: Path) -> None:
    async with serving(tmp_path, budgets=Budgets(Patience(next=0.1))) as edge:
        call = edge.stub.BulkUpsert(metadata=edge.metadata)
        await call.write(bulk_pb2.BulkUpsertRequest())
        await call.read()
        code, details = await refused(call.read())
        assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAVAILABLE, "CLIENT_IDLE")


async def _write_on(_requests: Any, context: Any) -> None:
    while True:
        await context.write(HELD)


async def _yield_on(_requests: Any, _context: Any) -> AsyncIterator[Any]:
    while True:
        yield HELD


@pytest.mark.parametrize("bulk", [_write_on, _yield_on])
@pytest.mark.parametrize("reason", ["CLIENT_IDLE", "TOKEN_EXPIRED", "DRAINING"])
async def test_a_client_that_does_not_read_ends_its_stream_like_any_other(
    tmp_path: Path, reason: str, bulk: Any
) -> None:

    async with serving(tmp_path, budgets=Budgets(Patience(next=0.2 if reason == "CLIENT_IDLE" else 60))) as edge:
        edge.servicer.bulk = bulk
        metadata = edge.token(seconds=1) if reason == "TOKEN_EXPIRED" else edge.metadata
        with logged(edge) as lines:
            call = edge.stub.BulkUpsert(metadata=metadata)
            await call.initial_metadata()
            if reason == "DRAINING":
                edge.gate.drain()
            await until(lambda: lines and not edge.gate.running)
        assert [line["reason"] for line in lines] == [reason]
        # What the client can still read ends with the status.
        with suppress(grpc.aio.AioRpcError):
            while await call.read() is not grpc.aio.EOF:
                pass
        assert await call.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED}


async def test_a_stream_that_has_had_nothing_to_send_for_long_is_not_idle(tmp_path: Path) -> None:
    async def bulk(_requests: Any, _context: Any) -> AsyncIterator[Any]:
        await asyncio.sleep(0.3)
        yield HELD
        yield HELD

    async with serving(tmp_path, budgets=Budgets(Patience(next=0.2))) as edge:
        edge.servicer.bulk = bulk
        call = edge.stub.BulkUpsert(metadata=edge.metadata)
        assert [len(response.started.session_id) async for response in call] == [1_000_000] * 2


async def test_watchers_are_limited_and_take_no_place_of_a_call(tmp_path: Path) -> None:
    async def bulk(_requests: Any, _context: Any) -> AsyncIterator[Any]:
        yield progress(1)
        await asyncio.Event().wait()

    shares = Shares(calls=1, streams=1)
    async with serving(tmp_path, 1, shares, Budgets(watchers=4), watched()) as edge:
        edge.servicer.bulk = bulk

        async def refusal(metadata: Any) -> dict[str, str]:
            code, details = await refused(edge.stub.BulkUpsert(metadata=metadata).read())
            assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS")
            assert details["RetryInfo"]
            return dict(details["ErrorInfo"].metadata)

        calls = [edge.stub.BulkUpsert(metadata=edge.metadata) for _ in range(2)]
        for call in calls:
            assert await call.read() == progress(1)
        assert await refusal(edge.metadata) == {"limit": "2", "scope": "caller"}
        others = [edge.stub.BulkUpsert(metadata=edge.token(subject="bob")) for _ in range(2)]
        for call in others:
            assert await call.read() == progress(1)
        assert await refusal(edge.token(subject="cat")) == {"limit": "4", "scope": "server"}
        assert edge.gate.running == 0
        await edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata)

        calls[0].cancel()
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(grpc.aio.AioRpcError):
                    assert await edge.stub.BulkUpsert(metadata=edge.metadata).read() == progress(1)
                    break
        edge.gate.drain()
        code, details = await refused(calls[1].read())
        assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")


class Watched(Scripted):
    @watches
    def BulkUpsert(self, request_iterator: Any, context: Any) -> Any:
        return self.bulk(request_iterator, context)


def watched() -> Scripted:
    """Returns a servicer whose streams are watchers."""
    return Watched()  # type: ignore[abstract]


async def test_a_stream_is_not_idle_while_its_client_reads_or_sends(tmp_path: Path) -> None:
    async def bulk(requests: Any, context: Any) -> None:
        async def send() -> None:
            await context.write(HELD)
            await context.write(HELD)

        sending = asyncio.create_task(send())
        async for _ in requests:
            pass
        await sending

    async with serving(tmp_path, budgets=Budgets(Patience(next=1.0))) as edge:
        edge.servicer.bulk = bulk
        call = edge.stub.BulkUpsert(metadata=edge.metadata)
        for _ in range(8):
            await asyncio.sleep(0.15)
            await call.write(bulk_pb2.BulkUpsertRequest())
        await call.done_writing()
        assert [len(response.started.session_id) async for response in call] == [1_000_000] * 2


async def test_one_caller_gets_a_share_of_the_calls_and_of_the_streams(tmp_path: Path) -> None:
    let_go = asyncio.Event()

    async def get(_request: Any, _context: Any) -> Any:
        await let_go.wait()
        return dashboards.GetDashboardResponse()

    async def bulk(requests: Any, _context: Any) -> AsyncIterator[Any]:
        async for _ in requests:
            yield progress(1)

    async with serving(tmp_path, limit=10, shares=Shares(calls=3, streams=1)) as edge:
        edge.servicer.get, edge.servicer.bulk = get, bulk
        stream = edge.stub.BulkUpsert(metadata=edge.metadata)
        await stream.initial_metadata()
        code, details = await refused(edge.stub.BulkUpsert(metadata=edge.metadata).read())
        assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
        assert dict(details["ErrorInfo"].metadata) == {"limit": "1", "scope": "caller_streams"}

        calls = [edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata) for _ in range(2)]
        await until(lambda: edge.gate.running == 3)
        code, details = await refused(edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata))
        assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
        assert dict(details["ErrorInfo"].metadata) == {"limit": "3", "scope": "caller"}
        assert details["QuotaFailure"].violations[0].subject == "caller:ada"
        assert details["RetryInfo"].retry_delay.seconds == 1

        bob = edge.stub.GetDashboard(SOMETHING, metadata=edge.token(subject="bob"))
        await until(lambda: edge.gate.running == 4)
        let_go.set()
        await asyncio.gather(bob, *calls)
        stream.cancel()
        await until(lambda: not edge.gate.running)
        # Everything that was taken has been given back.
        again = edge.stub.BulkUpsert(metadata=edge.metadata)
        await again.initial_metadata()
        await edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata)


async def test_one_connection_takes_any_number_of_calls_after_one_another(edge: ServedEdge) -> None:
    calls = [edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata) for _ in range(500)]
    assert len(await asyncio.gather(*calls)) == 500


async def test_nobody_can_hold_the_streams_that_need_no_token(tmp_path: Path) -> None:
    async with serving(tmp_path, budgets=Budgets(open_streams=(4, 3))) as edge, edge.another_channel() as other:
        watches: list[Any] = []
        for channel in (other, edge.channel, edge.channel, edge.channel):
            watches.append(watch(channel))
            await watches[-1].read()

        reflection: Any = edge.channel.stream_stream(REFLECT)()
        await reflection.initial_metadata()

        code, details = await refused(watches[1].read())
        assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
        assert dict(details["ErrorInfo"].metadata) == {"limit": "4", "scope": "open"}
        healthy: Any = health_pb2_grpc.HealthStub(other)
        assert (await healthy.Check(health_pb2.HealthCheckRequest())).status
        async with edge.another_channel() as third:
            newcomer = watch(third)
            await newcomer.read()
            await refused(watches[2].read())
        assert not any(call.done() for call in (watches[0], watches[3], reflection))


async def test_nobody_can_hold_the_messages_that_need_no_token(tmp_path: Path) -> None:
    async with serving(tmp_path, budgets=Budgets(open_reads=2)) as edge:
        held = [asyncio.create_task(refused(without_body(edge, method).read())) for method in (CHECK, REFLECT)]
        await until(lambda: len(edge.itself._open_bodies._owed) == 2)
        healthy: Any = health_pb2_grpc.HealthStub(edge.channel)
        assert (await healthy.Check(health_pb2.HealthCheckRequest())).status
        (ended,), (waiting,) = await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
        code, details = await ended
        assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
        assert dict(details["ErrorInfo"].metadata) == {"limit": "2", "scope": "open"}
        waiting.cancel()
