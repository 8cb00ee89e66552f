"""Stewardship: which parts of an asset people steward, and the marks of those that they have decided.

Ingestion leaves marked parts alone; `writing/merge.py` has the rule.

The column `edited` holds the marks as `{"fields": [...], "tags": [hex ids], "extension_keys": [...]}`, without empty
lists, or null if nothing is marked. A mark stays when what it marks is cleared.
"""

from collections.abc import Iterable, Mapping
from typing import Self
from uuid import UUID

from dashboard_catalog.store.column_types import uuid_of

STEWARDED_FIELDS = ("display_name", "description", "owners", "domain")
"""Fields that ingestion leaves alone once an edit has set, changed or cleared them.

A kind of asset may have others. Tags and custom properties are stewarded one by one, for every kind.
"""

Stored = dict[str, list[str]] | None
"""The marks of an asset as the column `edited` holds them."""


class Marks:
    """The marks of one asset, in the order in which they were set.

    Attributes:
        fields: Names of stewarded fields.
        tags: Ids of tags.
        extension_keys: Names of custom properties.
    """

    __slots__ = ("extension_keys", "fields", "tags")

    def __init__(
        self, fields: Iterable[str] = (), tags: Iterable[UUID] = (), extension_keys: Iterable[str] = ()
    ) -> None:
        # Dictionaries serve as ordered sets.
        self.fields = dict.fromkeys(fields)
        self.tags = dict.fromkeys(tags)
        self.extension_keys = dict.fromkeys(extension_keys)

    @classmethod
    def decode(cls, stored: Mapping[str, Iterable[str]] | None) -> Self:
        """Returns the marks that a column holds. The caller may change them."""
        if not stored:
            return cls()
        return cls(stored.get("fields", ()), map(uuid_of, stored.get("tags", ())), stored.get("extension_keys", ()))

    def encode(self) -> Stored:
        """Returns what the column holds."""
        if not (self.fields or self.tags or self.extension_keys):
            return None
        parts = {
            "fields": list(self.fields),
            "tags": [tag.hex for tag in self.tags],
            "extension_keys": list(self.extension_keys),
        }
        return {part: marks for part, marks in parts.items() if marks}

    def without(self, other: "Marks") -> "Marks":
        """Returns these marks except those that `other` has too."""
        return Marks(
            [field for field in self.fields if field not in other.fields],
            [tag for tag in self.tags if tag not in other.tags],
            [key for key in self.extension_keys if key not in other.extension_keys],
        )


NO_MARKS = Marks()
"""What a write reads where nothing is marked; not to be changed."""
