"""The load for callers without asyncio: it runs in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import uuid4

from dashboard_catalog.client.bulk import RUNS_ONCE, BulkLoad, ConnectionLost, ItemFailure, Progress
from dashboard_catalog.client.options import LoadOptions
from dashboards.v1 import bulk_pb2

if TYPE_CHECKING:
    from dashboard_catalog.client.catalog import AsyncCatalogClient

T = TypeVar("T")


class Call(Protocol):
    """Runs a coroutine in another thread."""

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Returns what the coroutine returns."""


class SyncLoad:
    """One load for callers without asyncio. Iterate over it to run it: as `BulkLoad`, of which it has everything.

    While it runs, its items are read and its callbacks called in a thread of the load.
    """

    def __init__(
        self,
        open_client: "Callable[[], AsyncCatalogClient]",
        items: Iterable[Any] | AsyncIterable[Any],
        options: LoadOptions,
        *,
        on_progress: Progress | None = None,
        on_connection_lost: ConnectionLost | None = None,
    ) -> None:
        self.session_id = options.get("session_id") or str(uuid4())
        self._open_client = open_client
        self._items = items
        self._options: LoadOptions = {**options, "session_id": self.session_id}
        self._callbacks = (on_progress, on_connection_lost)
        self._load: BulkLoad | None = None

    @property
    def began_at(self) -> int | None:
        """As of `BulkLoad`."""
        return self._load.began_at if self._load else None

    @property
    def summary(self) -> bulk_pb2.BulkUpsertSummary | None:
        """As of `BulkLoad`."""
        return self._load.summary if self._load else None

    def __iter__(self) -> Iterator[ItemFailure]:
        if self._load is not None:
            raise RuntimeError(RUNS_ONCE)
        with _thread() as call:
            failures = self._run()
            while (failure := call(_next(failures))) is not None:
                yield failure

    async def _run(self) -> AsyncIterator[ItemFailure]:
        client = self._open_client()
        try:
            load = client.bulk_upsert(self._items, *self._callbacks, **self._options)
            self._load = load
            async for failure in load:
                yield failure
        finally:
            await client.channel.close()


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
