"""Room for large answers.

Reads ask for it before they read anything large, so that few large answers are in memory at once. Whoever sends the
answers decides how much room there is. Small answers need none.
"""

from typing import Protocol

MAX_ANSWER_BYTES = 3 * 2**20
"""Size at which a page ends, and that no asset exceeds."""

SMALL_ANSWER_BYTES = 512 * 2**10
"""Size up to which an answer needs no room."""


class Room(Protocol):
    """What one call may take of the memory for large answers."""

    async def take(self, size: int) -> None:
        """Waits until there is room for an answer of this size, and takes it for the rest of the call.

        Raises:
            CatalogError: RESOURCE_EXHAUSTED if there is none for a long time.
        """

    def keep(self, size: int) -> None:
        """Gives back what an answer of this size does not need."""
