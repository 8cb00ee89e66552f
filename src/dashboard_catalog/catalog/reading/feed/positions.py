"""How far a reader of the feed has got in each sequence, and the token that holds it.

A token says which change was the last one in each sequence, and holds a digest of it. If another change has that number
now, the database was set back to an earlier state, and nobody can say what the reader has missed.

Tokens are not secret, and anyone can make one: they hold positions only, and every reader sees what it may view.
"""

import base64
import hashlib
import itertools
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.store import feed
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.feed_statements import FeedRow

MAX_TOKEN_CHARACTERS = 960 * 2**10
"""Length of a token. Together with the largest asset, it fits into a message that every client accepts."""

_FORMAT = b"\x01"
_DIGEST_BYTES = 8
_UNKNOWN = bytes(_DIGEST_BYTES)
# Id of the sequence, number of the change and its digest. A place in the past takes two of these.
_ENTRY = struct.Struct(f">16sQ{_DIGEST_BYTES}s")
_IS_PAST = 1 << 63


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has got in one sequence.

    Attributes:
        number: Number of the last change that it has got.
        digest: Tells that change from others; zeros if it was not there any more.
        past: Number of the change as of which the reader gets what exists, before it gets changes; 0 if it does not.
        past_digest: Tells the change of that number from others.
    """

    number: int = 0
    digest: bytes = _UNKNOWN
    past: int = 0
    past_digest: bytes = _UNKNOWN

    def after(self, change: FeedRow) -> "Place":
        """Returns the place of the reader when it has got a change."""
        return replace(self, number=change.change_number, digest=digest_of(change))

    def at_end_of_past(self) -> "Place":
        """Returns the place of a reader that has got everything that existed."""
        return Place(self.past, self.past_digest)


NOWHERE = Place()
"""The place of a reader that has nothing yet."""

Places = Mapping[UUID, Place]
"""By the id of the sequence. A reader has nothing yet of a sequence that is missing."""


def digest_of(change: feed.Trace | FeedRow) -> bytes:
    """Returns what tells a change from another one that has got its number."""
    return digest(f"{change.id} {change.updated_at.timestamp()} {change.call_id}".encode())


async def present(connection: ReadConnection, gets: Callable[[UUID], bool]) -> dict[UUID, Place]:
    """Returns the places of a reader that has got everything.

    Args:
        connection: Where to read.
        gets: Says whether the reader gets changes of a sequence.
    """
    numbers = {id_: number for id_, number in (await feed.positions(connection)).items() if number and gets(id_)}
    traces = await feed.traces(connection, numbers)
    return {
        id_: Place(number, digest_of(traces[id_]) if id_ in traces else _UNKNOWN) for id_, number in numbers.items()
    }


async def check_not_expired(connection: ReadConnection, places: Places) -> None:
    """Returns if the changes that a reader has got are still those of the catalog.

    Raises:
        CatalogError: RESUME_TOKEN_EXPIRED if the catalog was set back since.
    """
    last = await feed.positions(connection)
    if any(last.get(id_, 0) < max(place.number, place.past) for id_, place in places.items()):
        raise expired()
    await _compare(connection, {id_: (place.number, place.digest) for id_, place in places.items()})
    await _compare(connection, {id_: (place.past, place.past_digest) for id_, place in places.items()})


async def _compare(connection: ReadConnection, expected: Mapping[UUID, tuple[int, bytes]]) -> None:
    known = {id_: number for id_, (number, change) in expected.items() if change != _UNKNOWN}
    # A change that no longer exists was removed for good together with its asset or entity.
    for id_, trace in (await feed.traces(connection, known)).items():
        if digest_of(trace) != expected[id_][1]:
            raise expired()


def expired() -> CatalogError:
    """Returns the error for a reader whose position the catalog does not have."""
    return CatalogError(
        Reason.RESUME_TOKEN_EXPIRED,
        "the catalog was set back to an earlier state since this resume token was issued; export the catalog again",
    )


def encode(filters: str, entries: Iterable[bytes]) -> str:
    """Returns the token that holds places.

    Args:
        filters: What the reader gets, as a text that tells it from others.
        entries: How far it has got, each place as `entry` encodes it.

    Raises:
        CatalogError: INVALID_ARGUMENT if there are too many.
    """
    content = digest(filters.encode()) + b"".join(entries)
    token = base64.urlsafe_b64encode(_FORMAT + digest(content) + content).decode()
    if len(token) > MAX_TOKEN_CHARACTERS:
        text = "is required: the catalog has too many BI services to watch all of them in one stream"
        raise invalid([Violation("services", ViolationReason.REQUIRED, text)])
    return token


def token_of(filters: str, places: Places) -> str:
    """Returns the token that holds all of these places, as `encode` does."""
    return encode(filters, itertools.starmap(entry, places.items()))


def entry(id_: UUID, place: Place) -> bytes:
    """Returns the part of a token that holds one place."""
    encoded = _ENTRY.pack(id_.bytes, place.number, place.digest)
    return encoded + _ENTRY.pack(id_.bytes, place.past | _IS_PAST, place.past_digest) if place.past else encoded


def decode(text: str) -> tuple[bytes, dict[UUID, Place]]:
    """Returns the digest of the filters in a token, and the places.

    Raises:
        ValueError: If it is no token.
    """
    token = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
    start = len(_FORMAT) + _DIGEST_BYTES
    content = token[start:]
    if token[:start] != _FORMAT + digest(content) or len(content) % _ENTRY.size != _DIGEST_BYTES:
        raise ValueError("not a token")
    places: dict[UUID, Place] = {}
    for id_bytes, number, change in _ENTRY.iter_unpack(content[_DIGEST_BYTES:]):
        id_ = UUID(bytes=id_bytes)
        if number & _IS_PAST:
            places[id_] = replace(places.get(id_, Place()), past=number ^ _IS_PAST, past_digest=change)
        else:
            places[id_] = Place(number, change)
    return content[:_DIGEST_BYTES], places


def digest(content: bytes) -> bytes:
    """Returns what tells a text from others."""
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
