"""Channels to a catalog: its address, which calls gRPC retries, how soon it reconnects, and TLS."""

import json
import re
from collections.abc import Callable
from ipaddress import ip_address

import grpc
import grpc.aio


def _service_config(attempts: int, first_backoff: str) -> str:
    return json.dumps(
        {
            "methodConfig": [
                # gRPC must not retry streams of requests: it loses messages when it sends them again.
                {"name": [{"service": "dashboardcatalog.v1.DashboardService", "method": "BulkUpsert"}]},
                {
                    "name": [{}],
                    "retryPolicy": {
                        "maxAttempts": attempts,
                        "initialBackoff": first_backoff,
                        "maxBackoff": "3s",
                        "backoffMultiplier": 4,
                        "retryableStatusCodes": ["UNAVAILABLE"],
                    },
                },
            ]
        }
    )


# gRPC allows no more attempts. They take eight seconds, in which a server can be restarted.
SERVICE_CONFIG = _service_config(5, "0.5s")
"""gRPC service config for clients of the catalog: retries unary calls that end UNAVAILABLE, and nothing else."""

IMPATIENT_SERVICE_CONFIG = _service_config(3, "0.2s")
"""The same for people, who want to know soon that no server answers; a server that stops sends them to another."""

DEFAULT_PORT = 50_051

# Forms of a gRPC target that are passed on as they are.
_URI = re.compile(r"(?:unix|unix-abstract|dns|ipv4|ipv6|vsock|xds|passthrough):")
# The address of loopback for each that stands for all addresses.
_REACHED_AT = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - nothing listens here
# Before addresses, of which there may be several.
_LIST = re.compile(r"^ipv[46]:")
_HOST_AND_PORT = re.compile(r"(?P<host>(?![0-9]+$)[^\s:/,\[\]]+|\[[^\s\[\]]+\])(?::(?P<port>[0-9]{1,5}))?")

Token = str | Callable[[], str] | None
"""A token, or a function that returns the one to use now."""


class UnsafeTarget(ValueError):
    """A token would leave this machine unencrypted."""


def channel_options(address: str, *, patient: bool = True) -> list[tuple[str, str | int]]:
    """Returns the options of a channel to a catalog."""
    options: list[tuple[str, str | int]] = [
        ("grpc.service_config", SERVICE_CONFIG if patient else IMPATIENT_SERVICE_CONFIG),
        ("grpc.initial_reconnect_backoff_ms", 200),
        # Less than the last attempts of a call are apart.
        ("grpc.max_reconnect_backoff_ms", 1_000),
        ("grpc.keepalive_time_ms", 60_000),
    ]
    if is_loopback(address):
        # Otherwise gRPC uses a proxy from the environment even for this machine.
        options.append(("grpc.enable_http_proxy", 0))
    return options


def open_channel(address: str, credentials: grpc.ChannelCredentials | None, *, patient: bool) -> grpc.Channel:
    """Opens a channel, unencrypted if there are no credentials."""
    options = channel_options(address, patient=patient)
    if credentials is None:
        return grpc.insecure_channel(target_of(address), options)
    return grpc.secure_channel(target_of(address), credentials, options)


def open_async_channel(
    address: str, credentials: grpc.ChannelCredentials | None, *, retries: bool = True
) -> grpc.aio.Channel:
    """Opens a channel for asyncio, unencrypted if there are no credentials."""
    options = [*channel_options(address), ("grpc.enable_retries", int(retries))]
    if credentials is None:
        return grpc.aio.insecure_channel(target_of(address), options)
    return grpc.aio.secure_channel(target_of(address), credentials, options)


def open_load_channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    """Opens a channel for a load, unencrypted if there are no credentials. The load itself retries, not gRPC."""
    # gRPC would retry a call that the server has not seen, and not send again all messages written meanwhile.
    return open_async_channel(address, credentials, retries=False)


def metadata_for(token: Token) -> list[tuple[str, str]]:
    """Returns the metadata to send with every call."""
    current = bare_token((token() if callable(token) else token) or "")
    return [("authorization", f"Bearer {current}")] if current else []


def bare_token(text: str) -> str:
    """Returns the token in a text that may also have a byte order mark, white space and `Bearer` around it."""
    text = text.strip().removeprefix("\ufeff").strip()
    scheme, _, token = text.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else text


def check_safe(address: str, token: Token, *, encrypted: bool, insecure: bool) -> None:
    """Checks that no token leaves this machine unencrypted.

    Raises:
        UnsafeTarget: If one would, and `insecure` is not set.
    """
    if token and not (encrypted or insecure or is_loopback(address)):
        raise UnsafeTarget(f"a token would travel unencrypted to {address}")


def is_loopback(address: str) -> bool:
    """Says whether a gRPC address is certainly on this machine; of several addresses, whether each of them is."""
    address = address.strip()
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    return all(map(_is_loopback_host, map(_host, _LIST.sub("", address).split(","))))


def target_of(address: str) -> str:
    """Returns the address for a call: with a port, and on loopback if the server listens on all addresses.

    Several addresses, with commas between them, are servers of which one is used. They must be IP addresses of one
    version, since gRPC looks up one name only.

    Raises:
        ValueError: If it is none.
    """
    address = address.strip()
    if _URI.match(address):
        return address
    if "," not in address:
        return _one_target(address)
    targets = [_one_target(each.strip()) for each in address.split(",")]
    versions = {_version(_host(target)) for target in targets}
    if versions not in ({4}, {6}):
        raise ValueError(
            f"{address!r} has several addresses: all of them must be IPv4 addresses, or all IPv6 addresses"
        )
    return f"ipv{versions.pop()}:{','.join(targets)}"


def _one_target(address: str) -> str:
    found = _HOST_AND_PORT.fullmatch(f"[{address}]" if _version(address) == 6 else address)
    port = int(found["port"] or DEFAULT_PORT) if found else 0
    if not found or not 0 < port <= 65_535:
        raise ValueError(f"{address!r} is not an address: expected HOST:PORT, such as 127.0.0.1:{DEFAULT_PORT}")
    return f"{_REACHED_AT.get(found['host'], found['host'])}:{port}"


def _version(host: str) -> int:
    """Returns 4 or 6 for an IP address, and 0 for anything else."""
    try:
        return ip_address(host).version
    except ValueError:
        return 0


def _is_loopback_host(host: str) -> bool:
    try:
        return ip_address(host).is_loopback or ip_address(host).is_unspecified
    except ValueError:
        return host == "localhost"


def _host(address: str) -> str:
    authority = address.rsplit("/", maxsplit=1)[-1]
    host = authority.rsplit(":", maxsplit=1)[0] if ":" in authority else authority
    return host.strip("[]")
