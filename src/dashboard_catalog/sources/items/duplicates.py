"""Finds different items of one name: only one of them can be loaded, and a second load would change it back and forth.

Keeps two digests and a place per item, about 200 MB for a million items.
"""

import hashlib
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor

from dashboard_catalog.catalog.model.qualified_names import NameSyntaxError, requoted
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import bulk_pb2

_DIGEST_BYTES = 16
# What identifies an item, beside its kind: raw names, and fully qualified names of what it belongs to.
_RAW = ("name", "applies_to")
_QUALIFIED = ("service", "classification", "parent")


class Duplicates:
    """The names of the items that a load has had so far."""

    def __init__(self) -> None:
        self._seen: dict[bytes, bytes] = {}

    def other_place(self, kind: Kind, item: bulk_pb2.BulkUpsertItem, place: str) -> str | None:
        """Returns the place of the first item with the same name, if it differs from this one.

        Args:
            kind: Kind of the item.
            item: The item.
            place: Where it was found. An item of a new name is remembered with it.
        """
        message = getattr(item, kind) if kind.is_asset else getattr(item.entity, kind)
        # Without a name it is refused, and does not stand for anything.
        if not message.name:
            return None
        content = _digest(item.SerializeToString(deterministic=True))
        first = self._seen.setdefault(_digest(_identity(kind, message)), content + place.encode(errors="replace"))
        return None if first.startswith(content) else first[_DIGEST_BYTES:].decode()


def _identity(kind: Kind, message: Any) -> bytes:
    raw, qualified = _naming_fields(message.DESCRIPTOR)
    parts = [getattr(message, field) for field in raw] + [_requoted(getattr(message, field)) for field in qualified]
    return "\0".join([kind, *parts]).encode()


@cache
def _naming_fields(descriptor: Descriptor) -> tuple[list[str], list[str]]:
    known = descriptor.fields_by_name
    return [field for field in _RAW if field in known], [field for field in _QUALIFIED if field in known]


def _requoted(fqn: str) -> str:
    try:
        return requoted(fqn)
    except NameSyntaxError:
        return fqn


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
