"""What can be wrong with a source, or with one item in it."""

from dataclasses import dataclass


class SourceError(Exception):
    """A source cannot be read; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that was refused.

    Attributes:
        field: Path of the field; empty if the problem is with the whole item.
        text: What is wrong.
        reason: `ViolationReason` for programs; empty if the server gave none.
    """

    field: str
    text: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text
