"""Tokens of the feed: they hold positions exactly, and whatever is no token is refused."""

from uuid import UUID, uuid4

import pytest

from dashboard_catalog.catalog.reading.feed import positions
from dashboard_catalog.catalog.reading.feed.positions import MAX_TOKEN_CHARACTERS, Place
from dashboard_catalog.contract.limits import MAX_ASSET_BYTES
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import CATALOG_ID

PLACES = {
    CATALOG_ID: Place(7, b"12345678"),
    uuid4(): Place(2**40, b"abcdefgh"),
    uuid4(): Place(3, b"ABCDEFGH", 2**41, b"87654321"),
    uuid4(): Place(past=5, past_digest=b"87654321"),
}


def token_of(filters: str, places: dict[UUID, Place]) -> str:
    return positions.encode(filters, (positions.entry(id_, place) for id_, place in places.items()))


def test_a_token_holds_filters_and_places() -> None:
    for places in (PLACES, {}):
        assert positions.decode(token_of("filters", places)) == (positions.digest(b"filters"), places)


def test_what_is_no_token_is_refused() -> None:
    token = token_of("filters", PLACES)
    changed = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]

    for wrong in ("", "x", "é", "AAAA", token[:-4], token[:-44], token + "AAAA", changed, token.upper()):
        with pytest.raises(ValueError):  # noqa: PT011 - of whatever finds it first
            positions.decode(wrong)


def test_a_token_leaves_room_for_the_largest_asset() -> None:
    most = {uuid4(): Place(1, b"12345678") for _ in range(23_100)}
    with pytest.raises(CatalogError, match="services: is required"):
        token_of("", most)

    assert len(token_of("", dict(list(most.items())[:22_000]))) <= MAX_TOKEN_CHARACTERS
    # With the names of one change, in a message that every client accepts.
    assert MAX_TOKEN_CHARACTERS + MAX_ASSET_BYTES + 16 * 2**10 < 4 * 2**20
