"""Page tokens: where a page ended, good only with the filters and the order it came from."""

import base64
import hashlib
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import TypeVar

from dashboard_catalog.errors import Violation, ViolationReason

P = TypeVar("P")

_HINT = "is not a page token of this listing: pass next_page_token on as it came, with the same filters and order"
# No name holds it, and unlike JSON it makes no name longer.
_SEPARATOR = "\0"


def encode(listing: Hashable, position: Sequence[str]) -> str:
    """Returns the token for what follows `position` in `listing`.

    Args:
        listing: The filters and the order, as anything whose `repr` tells them apart.
        position: Says where the page ended.
    """
    text = _SEPARATOR.join([_digest(listing, position), *position])
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode(listing: Hashable, token: str, read: Callable[[Sequence[str]], P], violations: list[Violation]) -> P | None:
    """Returns the position in a token, None for an empty one.

    One that is no token, or of another listing, is added to `violations`.

    Args:
        read: Returns the position of these parts, which anybody can have made; raises ValueError if there is none.
    """
    if not token:
        return None
    with suppress(ValueError):
        text = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
        digest, *position = text.split(_SEPARATOR)
        if digest == _digest(listing, position):
            return read(position)
    violations.append(Violation("page_token", ViolationReason.INVALID_PAGE_TOKEN, _HINT))
    return None


def _digest(listing: Hashable, position: Sequence[str]) -> str:
    return hashlib.blake2b(repr((listing, *position)).encode(), digest_size=9).hexdigest()
