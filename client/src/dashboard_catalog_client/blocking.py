"""The load for callers without asyncio: it runs in a thread of its own."""

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
        """Returns what the coroutine returns."""


class SyncLoad:
    """One load for callers without asyncio. Iterate over it to run it: as `BulkLoad`, of which it has everything.

    While it runs, its items are read and its callbacks called in a thread of the load.
    """

    def __init__(self, load: BulkLoad) -> None:
        self.session_id = load.session_id
        self._load = load

    @property
    def began_at(self) -> int | None:
        """As of `BulkLoad`."""
        return self._load.began_at

    @property
    def summary(self) -> bulk_pb2.BulkUpsertSummary | None:
        """As of `BulkLoad`."""
        return self._load.summary

    def __iter__(self) -> Iterator[ItemFailure]:
        with _thread() as call:
            failures = aiter(self._load)
            while (failure := call(_next(failures))) is not None:
                yield failure


async def _next(failures: AsyncIterator[ItemFailure]) -> ItemFailure | None:
    return await anext(failures, None)


@contextmanager
def _thread() -> Iterator[Call]:
    """Gives a function that runs coroutines in a thread; what still runs at the end of the block is cancelled."""
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        ended = asyncio.Event()
        ready.set_result((asyncio.get_running_loop(), ended))
        await ended.wait()

    # A daemon, so that a source that never answers does not keep the process.
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="bulk-upsert", daemon=True)
    thread.start()
    loop, ended = ready.result()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result()
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
