"""The two faces of the client: for asyncio, and for everybody else."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Unpack

import grpc
import grpc.aio

from dashboard_catalog.client.blocking import SyncLoad
from dashboard_catalog.client.bulk import BulkLoad, ConnectionLost, OpenChannel, Progress
from dashboard_catalog.client.channel import (
    Token,
    check_safe,
    metadata_for,
    open_async_channel,
    open_channel,
    open_load_channel,
)
from dashboard_catalog.client.options import LoadOptions


class AsyncCatalogClient:
    """A client for asyncio.

    Attributes:
        channel: For the generated stubs; retries UNAVAILABLE.
    """

    def __init__(self, channel: grpc.aio.Channel, token: Token, open_load_channel: OpenChannel) -> None:
        self.channel = channel
        self._token = token
        self._open_load_channel = open_load_channel

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """The metadata that goes with every call."""
        return metadata_for(self._token)

    def bulk_upsert(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        on_progress: Progress | None = None,
        on_connection_lost: ConnectionLost | None = None,
        **options: Unpack[LoadOptions],
    ) -> BulkLoad:
        """Returns a load to iterate over. See `BulkLoad`; `options` are those of `LoadOptions`."""
        return BulkLoad(
            self._open_load_channel,
            self._token,
            items,
            options,
            on_progress=on_progress,
            on_connection_lost=on_connection_lost,
        )


class CatalogClient:
    """A client for everybody else.

    Attributes:
        channel: For the generated stubs; retries UNAVAILABLE.
    """

    def __init__(self, channel: grpc.Channel, token: Token, open_load_channel: OpenChannel) -> None:
        self.channel = channel
        self._token = token
        self._open_load_channel = open_load_channel

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """The metadata that goes with every call."""
        return metadata_for(self._token)

    def bulk_upsert(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        on_progress: Progress | None = None,
        on_connection_lost: ConnectionLost | None = None,
        **options: Unpack[LoadOptions],
    ) -> SyncLoad:
        """Returns a load to iterate over. See `SyncLoad`; `options` are those of `LoadOptions`."""
        load = BulkLoad(
            self._open_load_channel,
            self._token,
            items,
            options,
            on_progress=on_progress,
            on_connection_lost=on_connection_lost,
        )
        return SyncLoad(load)


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
        yield AsyncCatalogClient(channel, token, partial(open_load_channel, address, credentials))


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
        yield CatalogClient(channel, token, partial(open_load_channel, address, credentials))
