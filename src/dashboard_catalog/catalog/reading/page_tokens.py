"""Page tokens: where a page ended. A token works only with the filters and the order that it came from.

Tokens are not secret, and anyone can make one: whoever reads a position out of a token must check it.
"""

import base64
import hashlib
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import TypeVar

from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation

P = TypeVar("P")

_HINT = "does not belong to this list: send next_page_token unchanged, with the same filters and order"
# No name contains it, and unlike JSON it makes no name longer.
_SEPARATOR = "\0"


def encode(listing: Hashable, position: Sequence[str]) -> str:
    """Returns the token of the page that follows a position.

    Args:
        listing: The filters and the order, as a value whose `repr` tells them apart from others.
        position: Where the page before it ended.
    """
    text = _SEPARATOR.join([_digest(listing, position), *position])
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode(listing: Hashable, token: str, read: Callable[[Sequence[str]], P], violations: list[Violation]) -> P | None:
    """Returns the position in a token, or None for an empty token.

    Adds a violation for a token that does not parse or belongs to another list.

    Args:
        read: Makes a position of its parts; raises ValueError if they are none.
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
