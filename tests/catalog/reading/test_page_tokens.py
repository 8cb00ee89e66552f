"""Page tokens are not secret, so anyone can forge one with a correct digest: it is a position, or it is refused."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.kinds import DASHBOARD_KIND, ENTITY_KINDS
from dashboard_catalog.catalog.reading import page_tokens
from dashboard_catalog.catalog.reading.asset_lists import AssetListing
from dashboard_catalog.catalog.reading.entity_lists import EntityListing
from dashboard_catalog.catalog.reading.filters import AssetFilters
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

ORDERS = ["name", "name desc", "updated_at", "updated_at desc"]
ANYBODY = Principal("anybody", frozenset(), frozenset(), None, bot=False, expires_at=None)

_hours = st.timedeltas().map(str) | st.sampled_from(["", "Z", "+00:00", "-14:00", "+23:59"])
_times = st.tuples(st.datetimes().map(datetime.isoformat), _hours).map("".join)
_ids = st.uuids().map(lambda id_: id_.hex) | st.text("0123456789abcdef-{}", max_size=40)
_numbers = st.integers().map(str) | st.floats().map(str)
_parts = st.lists(_times | _ids | _numbers | st.text(), max_size=4) | st.tuples(_times | st.text(), _ids).map(list)


def _position(listing: AssetListing | EntityListing) -> Any:
    """Returns the position in the token of a listing, or None if it is refused as it should be."""
    try:
        return listing.position()
    except CatalogError as error:
        found = error
    assert found.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in found.violations] == ["page_token"]
    return None


@given(parts=_parts, order=st.sampled_from(ORDERS))
def test_a_token_of_assets_is_a_position_or_refused(parts: list[str], order: str) -> None:
    filters = AssetFilters(order_by=order)
    token = page_tokens.encode(("dashboard", filters), parts)
    position = _position(AssetListing(DASHBOARD_KIND, ANYBODY, filters, page_token=token))
    if position is not None:
        start, id_ = position
        assert isinstance(id_, UUID)
        if order.startswith("updated_at"):
            assert start.tzinfo == UTC
        else:
            assert start == parts[0]


@given(parts=_parts)
def test_a_token_of_entities_is_a_position_or_refused(parts: list[str]) -> None:
    user = ENTITY_KINDS["user"]
    token = page_tokens.encode((user.name, "", "exclude"), parts)
    assert _position(EntityListing(user, ANYBODY, page_token=token)) in (None, *parts[:1])
