"""Sends one chunk of a stream down the write path."""

from collections.abc import Awaitable, Callable, Sequence

from dashboard_catalog.catalog.known.assumed import Assumed
from dashboard_catalog.catalog.model.commands import AssetName, ChunkItem
from dashboard_catalog.catalog.model.refusals import duplicate_item
from dashboard_catalog.catalog.writing.pipeline import Batch, Result
from dashboard_catalog.errors import CatalogError


async def apply_chunk(
    items: Sequence[ChunkItem],
    apply: Callable[[Batch], Awaitable[list[Result]]],
    assumed: Assumed | None = None,
    *,
    missing: set[tuple[str, str]] | None = None,
    probes: bool = False,
) -> list[Result]:
    """Applies the readable items of a chunk and returns the result of every item, in the order of the items.

    The result of an unreadable item is the error that it holds. Of several items of one name, the first counts: those
    that are equal to it change nothing, and those that differ are refused, whether or not the first one is written.

    Args:
        items: The items, in the order of the stream.
        apply: Applies a batch, or rehearses it, and returns the results of its writes.
        assumed: What counts as existing, for a stream that only validates.
        missing: Gets (kind, fully qualified name) of what the items refer to and does not exist.
        probes: Whether nothing that is accepted counts as existing afterwards.
    """
    refused = _duplicates(items)
    writes = [refused.get(item.offset, item.write) for item in items]
    unreadable = [(item.kind, item.fqn) for item in items if isinstance(item.write, CatalogError)]
    batch = Batch(
        writes=[write for write in writes if not isinstance(write, CatalogError)],
        assumed=assumed,
        is_chunk=True,
        failed=unreadable,
        missing=set() if missing is None else missing,
        probes=probes,
        offsets={id(item.write): item.offset for item in items},
    )
    results = iter(await apply(batch) if batch.writes else ())
    return [write if isinstance(write, CatalogError) else next(results) for write in writes]


def _duplicates(items: Sequence[ChunkItem]) -> dict[int, CatalogError]:
    """Returns, by offset, the errors of readable items that contradict an earlier item of the same name.

    Applying both would store a mixture of the two, and change it again each time that the source is loaded.
    """
    first: dict[tuple[str, AssetName | str], ChunkItem] = {}
    refused = {}
    for item in items:
        # The error of an unreadable item says more than that it is a duplicate.
        is_readable = not isinstance(item.write, CatalogError)
        earlier = first.setdefault((item.kind, item.named), item) if item.named else item
        if earlier is not item and is_readable and item.content != earlier.content:
            refused[item.offset] = duplicate_item(item.kind, item.fqn, earlier.offset)
    return refused
