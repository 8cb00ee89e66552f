"""Loads for callers without asyncio: each runs in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from dashboard_catalog_client.bulk import BulkLoad, ItemFailure
from dashboardcatalog.v1 import bulk_pb2

T = TypeVar("T")


class Call(Protocol):
    """Runs a coroutine in another thread."""

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Returns the result of the coroutine."""


class SyncLoad:
    """One load for callers without asyncio; otherwise like `BulkLoad`. Iterate over it to run it.

    While it runs, a thread of the load reads the items and calls the callbacks.
    """

    def __init__(self, load: BulkLoad) -> None:
        self.session_id = load.session_id
        self._load = load

    @property
    def start_offset(self) -> int | None:
        """See `BulkLoad`."""
        return self._load.start_offset

    @property
    def summary(self) -> bulk_pb2.BulkUpsertSummary | None:
        """See `BulkLoad`."""
        return self._load.summary

    def processed(self, seconds: float) -> int | None:
        """See `BulkLoad`."""
        with _thread() as call:
            return call(self._load.processed(seconds))

    def __iter__(self) -> Iterator[ItemFailure]:
        with _thread() as call:
            failures = aiter(self._load)
            while (failure := call(_next(failures))) is not None:
                yield failure


async def _next(failures: AsyncIterator[ItemFailure]) -> ItemFailure | None:
    return await anext(failures, None)


@contextmanager
def _thread() -> Iterator[Call]:
    """Yields a function that runs coroutines in a thread; the end of the block cancels those that still run."""
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        ended = asyncio.Event()
        ready.set_result((asyncio.get_running_loop(), ended))
        await ended.wait()

    # A daemon: a source that never answers must not keep the process alive.
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="bulk-upsert", daemon=True)
    thread.start()
    loop, ended = ready.result()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result()
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
