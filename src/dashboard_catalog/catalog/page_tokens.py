"""Page tokens: where a page ended, good only with the filters and the order it came from."""

import base64
import binascii
import hashlib
import json
from collections.abc import Hashable
from typing import Any

from dashboard_catalog.errors import CatalogError, Violation, ViolationReason, invalid

_HINT = "is not a page token of this listing: pass next_page_token on as it came, with the same filters and order"


def encode(listing: Hashable, position: list[Any]) -> str:
    """Returns the token for what follows `position` in `listing`.

    Args:
        listing: The filters and the order, as anything whose `repr` tells them apart.
        position: JSON values that say where the page ended.
    """
    return base64.urlsafe_b64encode(json.dumps([_digest(listing), *position]).encode()).decode()


def decode(listing: Hashable, token: str) -> list[Any] | None:
    """Returns the position in a token, or None for an empty one.

    Raises:
        CatalogError: INVALID_ARGUMENT if it is no token, or of another listing.
    """
    if not token:
        return None
    try:
        digest, *position = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error):
        raise _refused() from None
    if digest != _digest(listing) or len(position) != 2 or not all(isinstance(part, str) for part in position):
        raise _refused()
    return list(position)


def _refused() -> CatalogError:
    return invalid([Violation("page_token", ViolationReason.INVALID_PAGE_TOKEN, _HINT)])


def _digest(listing: Hashable) -> str:
    return hashlib.blake2b(repr(listing).encode(), digest_size=9).hexdigest()
