"""Streams that are made while they are sent, by a client of its own, and what the server makes of them on the way."""

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
    """What one stream holds.

    Attributes:
        kind: `entity`, `chart` or `dashboard`.
        count: At most so many items, the first ones.
        reads: Whether the client reads while it sends; else it reads what there is when all is sent, and the stream
            has one part: what has been sent on the way says nothing of what is stored.
        every: A client that reads tells how far it is every so many items.
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
        memory: The most that the server held in it, in MiB, as seen each second.
    """

    items: int
    seconds: float
    cpu: tuple[float, float, float]
    memory: int


def load(server: Server, stream: Stream) -> Iterator[Part]:
    """Sends a stream, and yields its parts as they are done.

    Raises:
        RuntimeError: If an item failed.
    """
    context = get_context("spawn")
    told, tells = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(tells, server.address, server.token, stream), daemon=True)
    process.start()
    tells.close()
    before = _sampled(server, told.recv())
    while True:
        said, memory = _awaited(told, server)
        if not isinstance(said, tuple):
            break
        now = _sampled(server, said)
        items, seconds, *cpu = (after - start for after, start in zip(now, before, strict=True))
        if items:
            yield Part(int(items), seconds, (cpu[0], cpu[1], cpu[2]), memory)
            before = now
    process.join()
    if said.get("failed"):
        raise RuntimeError(f"items failed: {said}")


def _awaited(told: Connection, server: Server) -> tuple[Any, int]:
    """Returns what the client tells next, and the most memory that the server held until then, in MiB."""
    memory = processor.memory_of(server.pid)
    while not told.poll(1):
        memory = max(memory, processor.memory_of(server.pid))
    return told.recv(), max(memory, processor.memory_of(server.pid))


def _sampled(server: Server, said: tuple[int, float]) -> tuple[float, ...]:
    """Returns items, the time, and processor seconds of client, server and database."""
    items, client_seconds = said
    return items, time.perf_counter(), client_seconds, *server.cpu()


def _send(tells: Connection, address: str, token: str, stream: Stream) -> None:
    """Sends a stream; tells (items, processor seconds) from time to time, and at the end the outcomes."""
    told, sent, response = 0, threading.Event(), bulk_pb2.BulkUpsertResponse()

    def tell(items: int) -> None:
        nonlocal told
        if items // stream.every > told // stream.every:
            tells.send((items, time.process_time()))
            told = items

    def requests() -> Iterator[bytes]:
        items = islice(stream.scale.items(stream.kind, stream.edition), stream.count)
        while chunk := list(islice(items, CHUNK)):
            yield bulk_pb2.BulkUpsertRequest(items=chunk).SerializeToString()
        sent.set()

    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(30)
        tells.send((0, time.process_time()))
        method: Any = channel.stream_stream(client.BULK)
        call = method(requests(), metadata=client.metadata(token))
        while not stream.reads and call.is_active() and not sent.wait(1):
            pass
        for message in call:
            response = bulk_pb2.BulkUpsertResponse.FromString(message)
            if stream.reads:
                tell(response.progress.next_offset)
    counts = {field.name: value for field, value in response.summary.ListFields()}
    tells.send((sum(counts.values()), time.process_time()))
    tells.send(counts)
