"""Streams that a separate client generates while it sends them, and measurements of the server meanwhile."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import grpc

from benchmarks import client, processor
from benchmarks.scale_data import Scale
from benchmarks.servers import Server
from dashboardcatalog.v1 import bulk_pb2

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Stream:
    """The content of one stream.

    Attributes:
        kind: `entity`, `chart` or `dashboard`.
        count: Maximum number of items, from the first one on.
        reads: Whether the client reads while it sends. Otherwise it reads only at the end, and the stream has one part,
            because the number of sent items does not show how many are stored.
        every: A client that reads reports its progress each time it has passed this number of items.
    """

    scale: Scale
    kind: str
    count: int
    edition: int = 1
    reads: bool = True
    every: int = 100_000


class Part(NamedTuple):
    """A part of a stream.

    Attributes:
        cpu: Seconds of client, server and database.
        memory: The server's maximum memory during the part, in MiB, sampled each second.
    """

    items: int
    seconds: float
    cpu: tuple[float, float, float]
    memory: int


def load(server: Server, stream: Stream) -> Iterator[Part]:
    """Sends a stream, and yields its parts when they are done.

    Raises:
        RuntimeError: If an item failed.
    """
    context = get_context("spawn")
    reports, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, server.address, server.token, stream), daemon=True)
    process.start()
    sender.close()
    before = _sampled(server, reports.recv())
    while True:
        report, memory = _next_report(reports, server)
        if not isinstance(report, tuple):
            break
        now = _sampled(server, report)
        items, seconds, *cpu = (after - start for after, start in zip(now, before, strict=True))
        if items:
            yield Part(int(items), seconds, (cpu[0], cpu[1], cpu[2]), memory)
            before = now
    process.join()
    if report.get("failed"):
        raise RuntimeError(f"items failed: {report}")


def _next_report(reports: Connection, server: Server) -> tuple[Any, int]:
    """Returns the client's next report, and the server's maximum memory until then, in MiB."""
    memory = processor.memory_of(server.pid)
    while not reports.poll(1):
        memory = max(memory, processor.memory_of(server.pid))
    return reports.recv(), max(memory, processor.memory_of(server.pid))


def _sampled(server: Server, report: tuple[int, float]) -> tuple[float, ...]:
    """Returns items, the time, and processor seconds of client, server and database."""
    items, client_seconds = report
    return items, time.perf_counter(), client_seconds, *server.cpu()


def _send(sender: Connection, address: str, token: str, stream: Stream) -> None:
    """Sends a stream, and reports (items, processor seconds) from time to time, and the outcomes at the end."""
    reported, sent, response = 0, threading.Event(), bulk_pb2.BulkUpsertResponse()

    def report(items: int) -> None:
        nonlocal reported
        if items // stream.every > reported // stream.every:
            sender.send((items, time.process_time()))
            reported = items

    def requests() -> Iterator[bytes]:
        items = islice(stream.scale.items(stream.kind, stream.edition), stream.count)
        while chunk := list(islice(items, CHUNK)):
            yield bulk_pb2.BulkUpsertRequest(items=chunk).SerializeToString()
        sent.set()

    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(30)
        sender.send((0, time.process_time()))
        method: Any = channel.stream_stream(client.BULK)
        call = method(requests(), metadata=client.metadata(token))
        while not stream.reads and call.is_active() and not sent.wait(1):
            pass
        for message in call:
            response = bulk_pb2.BulkUpsertResponse.FromString(message)
            if stream.reads:
                report(response.progress.next_offset)
    counts = {field.name: value for field, value in response.summary.ListFields()}
    sender.send((sum(counts.values()), time.process_time()))
    sender.send(counts)
