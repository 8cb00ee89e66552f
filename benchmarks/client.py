"""The clients, in separate processes: they serialize everything before the clock starts."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

import grpc
import grpc.aio
import uvloop

from dashboardcatalog.v1 import bulk_pb2

T = TypeVar("T")

BULK = "/dashboardcatalog.v1.DashboardService/BulkUpsert"
UPSERT = "/dashboardcatalog.v1.DashboardService/UpsertDashboard"
DELETE = "/dashboardcatalog.v1.DashboardService/DeleteDashboard"
GET = "/dashboardcatalog.v1.DashboardService/GetDashboard"


class Sent(NamedTuple):
    """The measurements of a client.

    Attributes:
        seconds: From the first byte sent to the last response.
        cpu: Seconds of processor time of the client.
        counts: Outcomes of a stream.
    """

    seconds: float
    cpu: float
    counts: dict[str, int]


def apart(function: Callable[..., T], *arguments: Any) -> T:
    """Calls a function of this module in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def send_stream(address: str, token: str, messages: Sequence[bytes]) -> Sent:
    """Sends messages through BulkUpsert.

    Raises:
        RuntimeError: If an item failed.
    """
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(30)
        call: Any = channel.stream_stream(BULK)
        began, cpu_began = time.perf_counter(), time.process_time()
        *_, last = call(iter(messages), metadata=metadata(token))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    summary = bulk_pb2.BulkUpsertResponse.FromString(last).summary
    counts = {field.name: value for field, value in summary.ListFields()}
    if summary.failed:
        raise RuntimeError(f"items failed: {counts}")
    return Sent(seconds, cpu, counts)


def call_often(address: str, token: str, method: str, requests: Sequence[bytes], callers: int) -> Sent:
    """Makes unary calls with a number of concurrent callers."""
    return uvloop.run(_call_often(address, token, method, requests, callers))


async def _call_often(address: str, token: str, method: str, requests: Sequence[bytes], callers: int) -> Sent:
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        call: Any = channel.unary_unary(method)
        headers, remaining = metadata(token), iter(requests)

        async def caller() -> None:
            for request in remaining:
                await call(request, metadata=headers)

        began, cpu_began = time.perf_counter(), time.process_time()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return Sent(time.perf_counter() - began, time.process_time() - cpu_began, {})


def metadata(token: str) -> tuple[tuple[str, str], ...]:
    """Returns the metadata that a call needs to be accepted."""
    return (("authorization", f"Bearer {token}"),)
