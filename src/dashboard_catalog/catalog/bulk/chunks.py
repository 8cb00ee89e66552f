"""One chunk of a stream on the write path."""

from collections.abc import Awaitable, Callable, Sequence

from dashboard_catalog.catalog.known.assumed import Assumed
from dashboard_catalog.catalog.model.commands import ChunkItem
from dashboard_catalog.catalog.writing.pipeline import Batch, Result
from dashboard_catalog.errors import CatalogError


async def written(
    items: Sequence[ChunkItem],
    apply: Callable[[Batch], Awaitable[list[Result]]],
    assumed: Assumed | None = None,
) -> list[Result]:
    """Applies the items of a chunk that can be read, as one batch, and returns what became of every item."""
    writes = [item.write for item in items if not isinstance(item.write, CatalogError)]
    failed = [(item.kind, item.fqn) for item in items if isinstance(item.write, CatalogError)]
    chunk = Batch(writes, assumed, is_chunk=True, failed=failed)
    results = iter(await apply(chunk) if writes else ())
    return [item.write if isinstance(item.write, CatalogError) else next(results) for item in items]
