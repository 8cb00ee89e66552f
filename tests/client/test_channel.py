"""Channels: which errors gRPC retries, and where a token may be sent unencrypted."""

import json

import pytest

from dashboard_catalog_client import SERVICE_CONFIG, UnsafeTarget, connect, connect_async
from dashboard_catalog_client.channel import is_loopback


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:50051",
        "127.8.8.8:1",
        "[::1]:50051",
        "localhost:1",
        "unix:/run/x.sock",
        "0.0.0.0:1",
        "dns:///localhost:1",
    ],
)
def test_addresses_of_this_machine_are_recognized(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1:50051",
        "example.com:443",
        "localhost.example.com:1",
        "[2001:db8::1]:50051",
        "dns:///example.com:1",
    ],
)
def test_addresses_of_other_machines_are_recognized(address: str) -> None:
    assert not is_loopback(address)


def test_only_unavailable_is_retried() -> None:
    [stream, other] = json.loads(SERVICE_CONFIG)["methodConfig"]
    assert other["name"] == [{}]
    assert other["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    # gRPC loses messages of a stream that it retries.
    assert stream == {"name": [{"service": "dashboardcatalog.v1.DashboardService", "method": "BulkUpsert"}]}


async def test_a_token_is_sent_unencrypted_to_another_machine_only_on_request() -> None:
    with pytest.raises(UnsafeTarget, match=r"unencrypted to 192\.0\.2\.1:50051"), connect("192.0.2.1:50051", token="t"):
        pass
    with pytest.raises(UnsafeTarget):
        async with connect_async("192.0.2.1:50051", token=lambda: "t"):
            pass
    with connect("192.0.2.1:50051", token="t", insecure=True), connect("192.0.2.1:50051"):
        pass
