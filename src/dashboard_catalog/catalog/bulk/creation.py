"""Creates what the items of a stream refer to and does not exist, by name, before their chunk is written.

Only a part of what is missing can be created, and only by callers who may. The rest is left out of the items.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from dashboard_catalog.catalog.model.commands import AssetWrite, ChunkItem, EntityWrite, Write, kind_and_name
from dashboard_catalog.catalog.writing.pipeline import Batch, Result
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection

Thing = tuple[str, str]
"""Kind and fully qualified name of a thing."""

CreatesOf = Callable[[str, str], Sequence[AssetWrite | EntityWrite]]
"""Returns the writes that create a thing of a kind and a fully qualified name; none if it cannot be created."""

# How many names a stream remembers as tried. After as many it tries them once more.
_MAX_TRIED = 100_000


class MissingThings(Exception):
    """A chunk refers to things that may be created first.

    Attributes:
        writes: What creates them.
    """

    def __init__(self, writes: Sequence[Write]) -> None:
        super().__init__()
        self.writes = writes


class Creation:
    """Creates what is missing for one stream, each thing at most once.

    Args:
        creates_of: Of the stream.
    """

    def __init__(self, creates_of: CreatesOf) -> None:
        self._creates_of = creates_of
        self._tried: set[Thing] = set()

    def writes_for(self, missing: Iterable[Thing], items: Iterable[ChunkItem]) -> list[AssetWrite | EntityWrite]:
        """Returns the writes that create what a chunk misses; none if all of that has been tried.

        Args:
            missing: What the items of the chunk refer to.
            items: What one of them names itself has been refused.
        """
        wanted = set(missing) - self._tried - {(item.kind, item.fqn) for item in items}
        writes = {kind_and_name(write): write for thing in sorted(wanted) for write in self._creates_of(*thing)}
        return list(writes.values())

    async def run(
        self,
        connection: ReadConnection,
        writes: Sequence[Write],
        apply: Callable[[Batch], Awaitable[list[Result]]],
    ) -> tuple[list[Write], list[Result]]:
        """Applies those writes whose thing does not exist, and returns them with their results.

        What exists after all, deleted or not, must not be changed.
        """
        fqns = {kind_and_name(write)[1] for write in writes if isinstance(write, EntityWrite)}
        existing = {(record.kind, record.fqn) for record in await entities.by_fqns(connection, fqns)}
        new = [write for write in writes if kind_and_name(write) not in existing]
        return new, await apply(Batch(new, is_chunk=True)) if new else []

    def finish(self, writes: Iterable[Write]) -> None:
        """Remembers that these writes have been tried."""
        if len(self._tried) > _MAX_TRIED:
            self._tried.clear()
        self._tried.update(map(kind_and_name, writes))
