"""The client: sends prepared bodies with a minimum of HTTP/1.1, so that it does not slow down the measurement."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import uvloop

from benchmarks.client import Sent

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
# The beginning of a response to a list that has failures.
_FAILED = b'"failed":[{'


def put(address: str, token: str, path: str, bodies: Sequence[bytes], callers: int) -> Sent:
    """Sends each body with PUT, with a number of concurrent callers, each on its own connection.

    Raises:
        RuntimeError: If a request, or an item in it, was refused.
    """
    return uvloop.run(_put(address, token, path, bodies, callers))


async def _put(address: str, token: str, path: str, bodies: Sequence[bytes], callers: int) -> Sent:
    host, _, port = address.rpartition(":")
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()
    remaining = iter(bodies)
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(_connected(host, int(port))) for _ in range(callers)]
        began, cpu_began = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_call(*connection, head, remaining) for connection in connections))
        return Sent(time.perf_counter() - began, time.process_time() - cpu_began, {})


@asynccontextmanager
async def _connected(host: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def _call(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, remaining: Iterator[bytes]
) -> None:
    for body in remaining:
        writer.writelines([head, b"%d\r\n\r\n" % len(body), body])
        await writer.drain()
        answer_head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answer_head)
        answer = await reader.readexactly(int(length[1])) if length else b""
        if not answer_head.startswith(b"HTTP/1.1 200 ") or _FAILED in answer:
            raise RuntimeError((answer_head + answer).decode())
