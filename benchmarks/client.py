"""The clients, in separate processes: they serialize everything before the clock starts."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

import grpc
import grpc.aio
import uvloop

from benchmarks import connections, processor
from dashboardcatalog.v1 import bulk_pb2, watch_pb2

T = TypeVar("T")

BULK = "/dashboardcatalog.v1.DashboardService/BulkUpsert"
UPSERT = "/dashboardcatalog.v1.DashboardService/UpsertDashboard"
DELETE = "/dashboardcatalog.v1.DashboardService/DeleteDashboard"
WATCH = "/dashboardcatalog.v1.CatalogService/WatchChanges"
GET = "/dashboardcatalog.v1.DashboardService/GetDashboard"


class Sent(NamedTuple):
    """The measurements of a client.

    Attributes:
        seconds: From the first byte sent to the last response.
        cpu: Seconds of processor time of the client.
        counts: Outcomes of a stream.
        each: Milliseconds of each call, where calls are measured.
    """

    seconds: float
    cpu: float
    counts: dict[str, int]
    each: Sequence[float] = ()


def apart(function: Callable[..., T], *arguments: Any) -> T:
    """Calls a function of these modules in a new process: a copy of one that has imported them and done nothing."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def send_stream(address: str, token: str, messages: Sequence[bytes]) -> Sent:
    """Sends messages through BulkUpsert.

    Raises:
        RuntimeError: If an item failed.
    """
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(30)
        return _send([channel], token, [messages])


def send_streams(address: str, token: str, streams: Sequence[Sequence[bytes]], workers: Sequence[int]) -> Sent:
    """Sends streams through BulkUpsert at the same time, each on its own connection; see `send_stream`.

    Args:
        workers: The ids of the server's processes. Each gets as many streams as the others, or one more.
    """
    with ExitStack() as stack:
        channels = connections.spread(stack, address, workers, len(streams))
        return _send(channels, token, streams)


def _send(channels: Sequence[grpc.Channel], token: str, streams: Sequence[Sequence[bytes]]) -> Sent:
    def send(channel: grpc.Channel, messages: Sequence[bytes]) -> bytes:
        call: Any = channel.stream_stream(BULK)
        *_, last = call(iter(messages), metadata=metadata(token))
        return bytes(last)

    with ThreadPoolExecutor(len(channels)) as pool:
        began, cpu_began = time.perf_counter(), time.process_time()
        ends = list(pool.map(send, channels, streams))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    counts: Counter[str] = Counter()
    for end in ends:
        summary = bulk_pb2.BulkUpsertResponse.FromString(end).summary
        counts.update({field.name: value for field, value in summary.ListFields() if isinstance(value, int)})
    if counts["failed"]:
        raise RuntimeError(f"items failed: {dict(counts)}")
    return Sent(seconds, cpu, dict(counts))


def call_often(address: str, token: str, method: str, requests: Sequence[bytes], callers: int) -> Sent:
    """Makes unary calls with a number of concurrent callers."""
    return uvloop.run(_call_often(address, token, method, requests, callers))


async def _call_often(address: str, token: str, method: str, requests: Sequence[bytes], callers: int) -> Sent:
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        call: Any = channel.unary_unary(method)
        headers, remaining = metadata(token), iter(requests)
        each: list[float] = []

        async def caller() -> None:
            for request in remaining:
                sent = time.perf_counter()
                await call(request, metadata=headers)
                each.append((time.perf_counter() - sent) * 1e3)

        began, cpu_began = time.perf_counter(), time.process_time()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return Sent(time.perf_counter() - began, time.process_time() - cpu_began, {}, each)


def token_of_now(address: str, token: str) -> str:
    """Returns a resume token of the present."""
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_stream(WATCH)
        stream = call(b"", metadata=metadata(token))
        first = watch_pb2.WatchChangesResponse.FromString(next(stream))
        stream.cancel()
        return first.resume_token


def watch(address: str, token: str, request: bytes) -> Sent:
    """Reads changes until it has caught up."""
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(30)
        began, cpu_began = time.perf_counter(), time.process_time()
        call: Any = channel.unary_stream(WATCH)
        stream = call(request, metadata=metadata(token))
        count, caught_up = 0, False
        while not caught_up:
            response = watch_pb2.WatchChangesResponse.FromString(next(stream))
            count, caught_up = count + len(response.changes), response.caught_up
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        stream.cancel()
    return Sent(seconds, cpu, {"changes": count})


def watch_idly(address: str, token: str, watchers: int, seconds: float, pid: int) -> Sent:
    """Watches with many streams that get nothing.

    Returns:
        The processor time of the server, with process id `pid`, instead of the client's.
    """
    return uvloop.run(_watch_idly(address, token, watchers, seconds, pid))


async def _watch_idly(address: str, token: str, watchers: int, seconds: float, pid: int) -> Sent:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=options)) for _ in range(10)
        ]
        calls: list[Any] = [channel.unary_stream(WATCH) for channel in channels]
        streams = [calls[number % len(calls)](b"", metadata=metadata(token)) for number in range(watchers)]
        for stream in streams:
            await stream.read()
        # Each says that nothing has changed every 30 seconds, in turns.
        reading = [asyncio.create_task(_read_on(stream)) for stream in streams]
        before, began = processor.seconds_of(pid), time.perf_counter()
        await asyncio.sleep(seconds)
        sent = Sent(time.perf_counter() - began, processor.seconds_of(pid) - before, {})
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        return sent


async def _read_on(stream: Any) -> None:
    while True:
        await stream.read()


def metadata(token: str) -> tuple[tuple[str, str], ...]:
    """Returns the metadata that a call needs to be accepted."""
    return (("authorization", f"Bearer {token}"),)
