"""Addresses and tokens, in the forms in which people have them."""

import pytest

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
        ("[::]:7", "[::1]:7"),
        ("unix:/run/catalog.sock", "unix:/run/catalog.sock"),
        ("dns:///catalog.example.com:7", "dns:///catalog.example.com:7"),
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


@pytest.mark.parametrize("given", ["a.b.c", " a.b.c\r\n", "\ufeffa.b.c", "Bearer a.b.c", "bearer  a.b.c\n"])
def test_a_token_is_found_in_its_text(given: str) -> None:
    assert bare_token(given) == "a.b.c"
    assert metadata_for(given) == [("authorization", "Bearer a.b.c")]
    assert metadata_for(lambda: given) == [("authorization", "Bearer a.b.c")]


@pytest.mark.parametrize("given", [None, "", "\n"])
def test_without_a_token_none_is_sent(given: str | None) -> None:
    assert metadata_for(given) == []
