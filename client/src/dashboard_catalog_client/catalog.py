"""The two forms of the client: for asyncio, and for code without it."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Generic, TypeVar, Unpack

import grpc
import grpc.aio

from dashboard_catalog_client.blocking import SyncLoad
from dashboard_catalog_client.bulk import BulkLoad, ConnectionLost, LeftOut, OpenChannel, Progress
from dashboard_catalog_client.channel import (
    Token,
    check_safe,
    metadata_for,
    open_async_channel,
    open_channel,
    open_load_channel,
)
from dashboard_catalog_client.options import LoadOptions

C = TypeVar("C", grpc.Channel, grpc.aio.Channel)
L = TypeVar("L")


class _Client(Generic[C, L]):
    """The parts that both have.

    Attributes:
        channel: Channel for the generated stubs; it retries UNAVAILABLE.
    """

    def __init__(self, channel: C, token: Token, open_load_channel: OpenChannel, wrap: Callable[[BulkLoad], L]) -> None:
        self.channel: C = channel
        self._token = token
        self._open_load_channel = open_load_channel
        self._wrap = wrap

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """The metadata to send with every call."""
        return metadata_for(self._token)

    def bulk_upsert(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        on_progress: Progress | None = None,
        on_connection_lost: ConnectionLost | None = None,
        on_left_out: LeftOut | None = None,
        **options: Unpack[LoadOptions],
    ) -> L:
        """Returns a load to iterate over; see `BulkLoad` and `LoadOptions`."""
        load = BulkLoad(
            self._open_load_channel,
            self._token,
            items,
            options,
            on_progress=on_progress,
            on_connection_lost=on_connection_lost,
            on_left_out=on_left_out,
        )
        return self._wrap(load)


class AsyncCatalogClient(_Client[grpc.aio.Channel, BulkLoad]):
    """A client for asyncio."""

    def __init__(self, channel: grpc.aio.Channel, token: Token, open_load_channel: OpenChannel) -> None:
        super().__init__(channel, token, open_load_channel, lambda load: load)


class CatalogClient(_Client[grpc.Channel, SyncLoad]):
    """A client for code without asyncio; its loads are `SyncLoad`s."""

    def __init__(self, channel: grpc.Channel, token: Token, open_load_channel: OpenChannel) -> None:
        super().__init__(channel, token, open_load_channel, SyncLoad)


@asynccontextmanager
async def connect_async(
    address: str,
    *,
    token: Token = None,
    credentials: grpc.ChannelCredentials | None = None,
    insecure: bool = False,
) -> AsyncIterator[AsyncCatalogClient]:
    """Opens a client for asyncio; the end of the block closes it.

    Args:
        address: HOST:PORT. Without a port, it is 50051. Several servers are IP addresses with commas between them; if
            one fails, another one is used.
        token: A token, or a function that returns the one to use now.
        credentials: Credentials for TLS, such as `grpc.ssl_channel_credentials()`. Without them, tokens are sent to
            this machine only.
        insecure: Send the token unencrypted to another machine too.

    Raises:
        UnsafeTarget: If the token would travel unencrypted.
        ValueError: If `address` is no address.
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
    patient: bool = True,
) -> Iterator[CatalogClient]:
    """Opens a client; the end of the block closes it. Takes the arguments of `connect_async` and one more.

    Args:
        patient: Retry calls for long enough to outlast a restart of the server. A person who waits for the result
            prefers to know soon that no server answers.
    """
    check_safe(address, token, encrypted=credentials is not None, insecure=insecure)
    with open_channel(address, credentials, patient=patient) as channel:
        yield CatalogClient(channel, token, partial(open_load_channel, address, credentials))
