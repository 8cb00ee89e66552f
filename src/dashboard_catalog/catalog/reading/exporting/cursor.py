"""How far an export has got, and the token that holds it.

An export shows the catalog at the moment when it began. So the token holds the position of each sequence at that
moment, beside the place in the order of what is exported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from dashboard_catalog.catalog.reading.feed import positions
from dashboard_catalog.catalog.reading.feed.positions import Place
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.store.records import CATALOG_ID

_SEPARATOR = "."
_HINT = "does not belong to this export: send the resume_token of a message unchanged, with the same other fields"


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The place after an item in the order of what is exported.

    Attributes:
        kind: Place of its kind in `model.kinds.KINDS`.
        sequence: The sequence that it is in: that of a BI service, or `CATALOG_ID`.
        level: How deep an entity lies below others of its kind.
        number: Number of the change that made it what is exported.
    """

    kind: int = 0
    sequence: UUID = CATALOG_ID
    level: int = 0
    number: int = 0


def encode(filters: str, places: Mapping[UUID, Place], cursor: Cursor) -> str:
    """Returns the token of an export that goes on after `cursor`.

    Args:
        filters: What is exported, as a text that tells it from others.
        places: The position of each sequence when the export began.
        cursor: The place after the last item.
    """
    at = f"{cursor.kind:x}-{cursor.sequence.hex}-{cursor.level:x}-{cursor.number:x}"
    return f"{at}{_SEPARATOR}{positions.token_of(_bound(filters, at), places)}"


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a token holds.

    Attributes:
        at: The place after the last item.
        places: The position of each sequence when the export began.
    """

    at: Cursor
    places: dict[UUID, Place]
    _text: str
    _digest: bytes

    @classmethod
    def of(cls, token: str) -> Self:
        """Reads a token, which must be checked then.

        Raises:
            CatalogError: INVALID_ARGUMENT if it is none.
        """
        text, _, held = token.partition(_SEPARATOR)
        try:
            digest, places = positions.decode(held)
            kind, sequence, level, number = text.split("-")
            at = Cursor(int(kind, 16), UUID(hex=sequence), int(level, 16), int(number, 16))
        except ValueError:
            raise _foreign() from None
        return cls(at, places, text, digest)

    def check(self, filters: str) -> None:
        """Returns if the token is that of an export of the same things.

        Raises:
            CatalogError: INVALID_ARGUMENT.
        """
        if self._digest != positions.digest(_bound(filters, self._text).encode()):
            raise _foreign()


def _foreign() -> CatalogError:
    return invalid([Violation("resume_token", ViolationReason.INVALID_VALUE, _HINT)])


def _bound(filters: str, at: str) -> str:
    return f"export {filters} {at}"
