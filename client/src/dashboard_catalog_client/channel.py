"""Channels to a catalog: which calls are retried, how soon a broken connection is tried again, and TLS."""

import json
from collections.abc import Callable
from ipaddress import ip_address

import grpc
import grpc.aio

SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            # Streams of requests are not for gRPC to retry: it loses messages of those that it sends again.
            {"name": [{"service": "dashboardcatalog.v1.DashboardService", "method": "BulkUpsert"}]},
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.2s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            },
        ]
    }
)
"""What gRPC retries for a client of the catalog: UNAVAILABLE of unary calls, and only that."""

Token = str | Callable[[], str] | None
"""A token, or what returns the one to use now."""


class UnsafeTarget(ValueError):
    """A token would leave this machine unencrypted."""


def channel_options(address: str) -> list[tuple[str, str | int]]:
    """Returns the options of a channel to a catalog."""
    options: list[tuple[str, str | int]] = [
        ("grpc.service_config", SERVICE_CONFIG),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.keepalive_time_ms", 60_000),
    ]
    if is_loopback(address):
        # gRPC would send even this through the proxy that the environment names.
        options.append(("grpc.enable_http_proxy", 0))
    return options


def open_channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    """Opens a channel; unencrypted without credentials."""
    if credentials is None:
        return grpc.insecure_channel(_target(address), channel_options(address))
    return grpc.secure_channel(_target(address), credentials, channel_options(address))


def open_async_channel(
    address: str, credentials: grpc.ChannelCredentials | None, *, retries: bool = True
) -> grpc.aio.Channel:
    """Opens a channel for asyncio; unencrypted without credentials."""
    options = [*channel_options(address), ("grpc.enable_retries", int(retries))]
    if credentials is None:
        return grpc.aio.insecure_channel(_target(address), options)
    return grpc.aio.secure_channel(_target(address), credentials, options)


def open_load_channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    """Opens a channel for a load, which tries again by itself; unencrypted without credentials."""
    # Not even a call that the server has not seen: what was written to it meanwhile would not all be sent again.
    return open_async_channel(address, credentials, retries=False)


def metadata_for(token: Token) -> list[tuple[str, str]]:
    """Returns the metadata that goes with every call."""
    told = token() if callable(token) else token
    return [("authorization", f"Bearer {told}")] if told else []


def check_safe(address: str, token: Token, *, encrypted: bool, insecure: bool) -> None:
    """Returns unless a token would leave this machine unencrypted.

    Raises:
        UnsafeTarget: If it would, and `insecure` does not accept that.
    """
    if token and not (encrypted or insecure or is_loopback(address)):
        raise UnsafeTarget(f"a token would travel unencrypted to {address}")


def is_loopback(address: str) -> bool:
    """Says whether a gRPC address surely is on this machine."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = _host(address)
    try:
        return ip_address(host).is_loopback or ip_address(host).is_unspecified
    except ValueError:
        return host == "localhost"


def _target(address: str) -> str:
    """Returns where to call a server that listens on all of its machine's addresses."""
    return address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")


def _host(address: str) -> str:
    authority = address.rsplit("/", maxsplit=1)[-1]
    host = authority.rsplit(":", maxsplit=1)[0] if ":" in authority else authority
    return host.strip("[]")
