"""How the domains, teams and tags of one batch lie below each other, for the writes that move them.

Nothing may lie below itself, or deeper than `MAX_LEVELS`. What is stored deeper can still be written where it is.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from uuid import UUID

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import MAX_LEVELS
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.hierarchies import lines_above, lines_below
from dashboard_catalog.store.records import EntityRecord


class Hierarchy:
    """The parents of entities as a batch has left them so far."""

    def __init__(self) -> None:
        self._above: dict[UUID, list[UUID]] = {}
        self._below: dict[UUID, set[UUID]] = defaultdict(set)

    async def load(self, connection: ReadConnection, moved: Collection[UUID], named: Iterable[UUID]) -> None:
        """Loads what decides whether entities may move: all below them, and what is above their parents to be.

        Args:
            connection: Where to read.
            moved: Ids of the stored teams or tags that may get other parents.
            named: Ids of the stored entities that the batch names as parents.
        """
        lines = await lines_above(connection, named, MAX_LEVELS + 1) | await lines_below(connection, moved)
        for id_, parents in lines.items():
            self._set(id_, parents)

    def add(self, record: EntityRecord) -> None:
        """Makes the parents of a team or tag known as they are now."""
        self._set(record.id, record.parents)

    def lies_below(self, id_: UUID, top: UUID) -> bool:
        """Says whether an entity is another one, or lies below it."""
        seen: set[UUID] = set()
        level = {id_}
        while level and top not in level:
            seen |= level
            level = {above for below in level for above in self._above.get(below, ())} - seen
        return bool(level)

    def levels(self, parent: EntityRecord, moved: EntityRecord | None) -> int:
        """Returns on which level the lowest entity would be if `moved` lay below `parent`; the top is level 1.

        Counts no further than one level too many on either side.

        Args:
            parent: A domain, team or tag.
            moved: A stored entity; None for a new one, which has nothing below it.
        """
        if parent.kind == "domain":
            # Its name has a segment for each level, and never changes.
            return len(names.split(parent.fqn)) + 1
        lower = _height(moved.id, lambda id_: self._below.get(id_, ())) if moved else 1
        # The first parent of a tag is its classification.
        first = 1 if parent.kind == "tag" else 0
        return lower + _height(parent.id, lambda id_: self._above.get(id_, ())[first:])

    def _set(self, id_: UUID, parents: list[UUID]) -> None:
        for above in self._above.get(id_, ()):
            self._below[above].discard(id_)
        for above in parents:
            self._below[above].add(id_)
        self._above[id_] = parents


def _height(start: UUID, step: Callable[[UUID], Iterable[UUID]]) -> int:
    """Returns the number of levels of what can be reached from `start`, itself included."""
    count, level = 0, {start}
    while level and count <= MAX_LEVELS:
        count += 1
        level = {each for id_ in level for each in step(id_)}
    return count
