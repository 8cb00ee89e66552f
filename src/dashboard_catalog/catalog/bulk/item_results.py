"""Sends one chunk of a stream down the write path."""

from collections.abc import Awaitable, Callable, Sequence

from dashboard_catalog.catalog.known.assumed import Assumed
from dashboard_catalog.catalog.model.commands import ChunkItem
from dashboard_catalog.catalog.writing.pipeline import Batch, Result
from dashboard_catalog.errors import CatalogError


async def apply_chunk(
    items: Sequence[ChunkItem], apply: Callable[[Batch], Awaitable[list[Result]]], assumed: Assumed | None = None
) -> list[Result]:
    """Applies the readable items of a chunk and returns the result of every item, in the order of the items.

    The result of an unreadable item is the error that it holds.

    Args:
        items: The items, in the order of the stream.
        apply: Applies a batch, or rehearses it, and returns the results of its writes.
        assumed: What counts as existing, for a stream that only validates.
    """
    unreadable = [(item.kind, item.fqn) for item in items if isinstance(item.write, CatalogError)]
    batch = Batch(
        writes=[item.write for item in items if not isinstance(item.write, CatalogError)],
        assumed=assumed,
        is_chunk=True,
        failed=unreadable,
    )
    results = iter(await apply(batch) if batch.writes else ())
    return [item.write if isinstance(item.write, CatalogError) else next(results) for item in items]
