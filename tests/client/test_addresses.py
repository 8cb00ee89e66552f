"""Addresses and tokens, in the forms in which people have them."""

import pytest

from dashboard_catalog_client import UnsafeTarget, connect
from dashboard_catalog_client.channel import bare_token, metadata_for, target_of


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("catalog.example.com:443", "catalog.example.com:443"),
        ("catalog.example.com", "catalog.example.com:50051"),
        ("127.0.0.1", "127.0.0.1:50051"),
        (" localhost \n", "localhost:50051"),
        ("::1", "[::1]:50051"),
        ("[::1]", "[::1]:50051"),
        ("0.0.0.0:7", "127.0.0.1:7"),
        ("10.0.0.0:7", "10.0.0.0:7"),
        ("[::]:7", "[::1]:7"),
        ("unix:/run/catalog.sock", "unix:/run/catalog.sock"),
        ("dns:///catalog.example.com:7", "dns:///catalog.example.com:7"),
        ("ipv4:127.0.0.1:7,127.0.0.1:8", "ipv4:127.0.0.1:7,127.0.0.1:8"),
        ("10.0.0.1:7, 10.0.0.2", "ipv4:10.0.0.1:7,10.0.0.2:50051"),
        ("::1,[::1]:8", "ipv6:[::1]:50051,[::1]:8"),
    ],
)
def test_an_address_becomes_a_target(given: str, target: str) -> None:
    assert target_of(given) == target


@pytest.mark.parametrize(
    "given", ["", "50051", "https://catalog.example.com:443", "host:", "host:http", "a:0", "a:99999"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="is not an address: expected HOST:PORT, such as"):
        target_of(given)


@pytest.mark.parametrize("given", ["127.0.0.1:7,localhost:8", "127.0.0.1,[::1]", "a:1,b:2"])
def test_several_addresses_must_be_ip_addresses_of_one_version(given: str) -> None:
    with pytest.raises(ValueError, match="all of them must be IPv4 addresses, or all IPv6 addresses"):
        target_of(given)


LOOPBACK = [
    "ipv4:127.0.0.1:50051",
    "ipv4:127.0.0.1:50051,127.0.0.1:50052",
    "ipv6:[::1]:1,[::1]:2",
    "127.0.0.1:1,127.0.0.2:2",
    "ipv4:127.0.0.1",
]
ELSEWHERE = [
    "ipv4:10.0.0.1:50051",
    "ipv4:127.0.0.1:50051,10.0.0.1:50051",
    "ipv4:10.0.0.1:50051,127.0.0.1:50051",
    "ipv6:[::1]:1,[2001:db8::1]:1",
    "127.0.0.1:1,10.0.0.1:1",
    "ipv4:127.0.0.1:1,",
]


@pytest.mark.parametrize("given", LOOPBACK)
def test_a_token_is_sent_unencrypted_to_addresses_of_this_machine(given: str) -> None:
    with connect(given, token="t"):
        pass


@pytest.mark.parametrize("given", ELSEWHERE)
def test_one_address_of_another_machine_is_enough_to_keep_a_token_back(given: str) -> None:
    with pytest.raises(UnsafeTarget), connect(given, token="t"):
        pass


@pytest.mark.parametrize("given", ["a.b.c", " a.b.c\r\n", "\ufeffa.b.c", "Bearer a.b.c", "bearer  a.b.c\n"])
def test_a_token_is_found_in_its_text(given: str) -> None:
    assert bare_token(given) == "a.b.c"
    assert metadata_for(given) == [("authorization", "Bearer a.b.c")]
    assert metadata_for(lambda: given) == [("authorization", "Bearer a.b.c")]


@pytest.mark.parametrize("given", [None, "", "\n"])
def test_without_a_token_none_is_sent(given: str | None) -> None:
    assert metadata_for(given) == []
