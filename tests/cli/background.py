"""Runs a server in a thread with its own event loop, beside a test that does not await."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager


@contextmanager
def in_background(server: AbstractAsyncContextManager[str]) -> Iterator[str]:
    """Yields what the server yields, which is its address."""
    ready: Future[str] = Future()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=[_run(server, ready, stop)])
    thread.start()
    try:
        yield ready.result(20)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _run(server: AbstractAsyncContextManager[str], ready: Future[str], stop: asyncio.Event) -> None:
    try:
        async with server as address:
            ready.set_result(address)
            await stop.wait()
    except Exception as error:
        if ready.done():
            raise
        ready.set_exception(error)
