"""The two faces of the client: for asyncio, and for everybody else."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
import grpc.aio

from dashboard_catalog.client.bulk import BulkLoad, ItemFailure, LoadOptions
from dashboard_catalog.client.channel import Token, check_safe, metadata_for, open_async_channel, open_channel
from dashboards.v1 import bulk_pb2
from dashboards.v1.dashboard_service_pb2_grpc import DashboardServiceStub

Progress = Callable[[int], None]


class AsyncCatalogClient:
    """A client for asyncio.

    Attributes:
        channel: For the generated stubs; retries UNAVAILABLE.
    """

    def __init__(self, channel: grpc.aio.Channel, token: Token) -> None:
        self.channel = channel
        self._token = token

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """The metadata that goes with every call."""
        return metadata_for(self._token)

    def bulk_upsert(self, items: Iterable[Any], on_progress: Progress | None = None, **options: Any) -> BulkLoad:
        """Returns a load to iterate over. See `BulkLoad`; `options` are those of `LoadOptions`."""
        return BulkLoad(DashboardServiceStub(self.channel), self._token, items, LoadOptions(**options), on_progress)


class SyncLoad:
    """A load for callers without asyncio: it runs in a thread of its own. Iterate over it to run it; see `BulkLoad`."""

    def __init__(
        self,
        open_client: Callable[[], AsyncCatalogClient],
        items: Iterable[Any],
        on_progress: Progress | None,
        **options: Any,
    ) -> None:
        self.summary: bulk_pb2.BulkUpsertSummary | None = None
        self._open_client = open_client
        self._items = items
        self._on_progress = on_progress
        self._options = options
        self._told: queue.Queue[ItemFailure | BaseException | None] = queue.Queue()

    def __iter__(self) -> Iterator[ItemFailure]:
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="bulk-upsert", daemon=True)
        thread.start()
        while (told := self._told.get()) is not None:
            if isinstance(told, BaseException):
                raise told
            yield told
        thread.join()

    async def _run(self) -> None:
        client = self._open_client()
        try:
            load = client.bulk_upsert(self._items, self._on_progress, **self._options)
            async for failure in load:
                self._told.put(failure)
            self.summary = load.summary
        except BaseException as error:  # noqa: BLE001 - raised again where the load is iterated over
            self._told.put(error)
        finally:
            await client.channel.close()
            self._told.put(None)


class CatalogClient:
    """A client for everybody else.

    Attributes:
        channel: For the generated stubs; retries UNAVAILABLE.
    """

    def __init__(self, channel: grpc.Channel, token: Token, open_client: Callable[[], AsyncCatalogClient]) -> None:
        self.channel = channel
        self._token = token
        self._open_client = open_client

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """The metadata that goes with every call."""
        return metadata_for(self._token)

    def bulk_upsert(self, items: Iterable[Any], on_progress: Progress | None = None, **options: Any) -> SyncLoad:
        """Returns a load to iterate over. See `BulkLoad`; `options` are those of `LoadOptions`."""
        return SyncLoad(self._open_client, items, on_progress, **options)


@asynccontextmanager
async def connect_async(
    address: str,
    *,
    token: Token = None,
    credentials: grpc.ChannelCredentials | None = None,
    insecure: bool = False,
) -> AsyncIterator[AsyncCatalogClient]:
    """Opens a client for asyncio, for the time of the block.

    Args:
        address: HOST:PORT.
        token: A token, or what returns the one to use now.
        credentials: Of TLS, such as `grpc.ssl_channel_credentials()`; without, tokens go to this machine only.
        insecure: Send the token unencrypted to another machine, too.

    Raises:
        UnsafeTarget: If the token would travel unencrypted.
    """
    check_safe(address, token, encrypted=credentials is not None, insecure=insecure)
    async with open_async_channel(address, credentials) as channel:
        yield AsyncCatalogClient(channel, token)


@contextmanager
def connect(
    address: str,
    *,
    token: Token = None,
    credentials: grpc.ChannelCredentials | None = None,
    insecure: bool = False,
) -> Iterator[CatalogClient]:
    """Opens a client, for the time of the block. As `connect_async`."""
    check_safe(address, token, encrypted=credentials is not None, insecure=insecure)
    with open_channel(address, credentials) as channel:
        yield CatalogClient(channel, token, lambda: AsyncCatalogClient(open_async_channel(address, credentials), token))
