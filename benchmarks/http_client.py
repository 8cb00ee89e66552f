"""The client of HTTP: sends prepared requests with a minimum of HTTP/1.1, so as not to slow down the measurement."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import uvloop

from benchmarks.client import Sent

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
# The beginning of a response to a list that has failures.
_FAILED = b'"failed":[{'


def get(address: str, token: str, paths: Sequence[str], callers: int) -> Sent:
    """Gets each path, with a number of concurrent callers, each on its own connection.

    Raises:
        RuntimeError: If a request was refused.
    """
    return send(address, [_head("GET", path, address, token) + b"\r\n" for path in paths], callers)


def put(address: str, token: str, path: str, bodies: Iterable[bytes], callers: int) -> Sent:
    """Sends each body with PUT, with a number of concurrent callers, each on its own connection.

    Raises:
        RuntimeError: If a request, or an item in it, was refused.
    """
    head = _head("PUT", path, address, token) + b"Content-Type: application/json\r\nContent-Length: "
    return send(address, [b"%b%d\r\n\r\n%b" % (head, len(body), body) for body in bodies], callers)


def send(address: str, requests: Sequence[bytes], callers: int) -> Sent:
    """Sends whole requests; see `put`."""
    return uvloop.run(_send(address, requests, callers))


def _head(method: str, path: str, address: str, token: str) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n".encode()


async def _send(address: str, requests: Sequence[bytes], callers: int) -> Sent:
    host, _, port = address.rpartition(":")
    remaining = iter(requests)
    sizes: list[int] = []
    each: list[float] = []
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(_connected(host, int(port))) for _ in range(callers)]
        began, cpu_began = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_call(*connection, remaining, sizes, each) for connection in connections))
        counts = {"bytes": sum(sizes)}
        return Sent(time.perf_counter() - began, time.process_time() - cpu_began, counts, each)


@asynccontextmanager
async def _connected(host: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def _call(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    remaining: Iterator[bytes],
    sizes: list[int],
    each: list[float],
) -> None:
    for request in remaining:
        began = time.perf_counter()
        writer.write(request)
        await writer.drain()
        answer_head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answer_head)
        answer = await reader.readexactly(int(length[1])) if length else b""
        each.append((time.perf_counter() - began) * 1e3)
        sizes.append(len(answer))
        if not answer_head.startswith(b"HTTP/1.1 200 ") or _FAILED in answer:
            raise RuntimeError((answer_head + answer).decode())
