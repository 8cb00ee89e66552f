"""Finds the items of a chunk that contradict an earlier one which names the same thing by another of its names.

Items that name it alike are compared before the chunk is written. These can be found only after former names are known.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model.commands import DeferredUpsert, EntityWrite, Unchanged, Write
from dashboard_catalog.catalog.model.refusals import duplicate_item
from dashboard_catalog.catalog.writing.asset_lookup import AssetLookup
from dashboard_catalog.errors import CatalogError


class NamedItem(NamedTuple):
    """An item of a chunk that names a thing.

    Attributes:
        place: Its index in the batch.
        write: What it asks for.
        thing: Kind and today's fully qualified name of the thing.
        is_former: Whether the item names it by another name.
    """

    place: int
    write: Write
    thing: tuple[str, str]
    is_former: bool


def contradictions(items: Iterable[NamedItem], offset_of: Callable[[int], int]) -> dict[int, CatalogError]:
    """Returns the errors of items that differ from the first item of their thing, by their places in the batch.

    Args:
        items: In the order they were sent.
        offset_of: Returns the offset in the stream of an item, by its place in the batch.
    """
    by_thing: dict[Hashable, list[NamedItem]] = defaultdict(list)
    for item in items:
        by_thing[item.thing].append(item)
    found: dict[int, CatalogError] = {}
    for first, *later in by_thing.values():
        if not any(item.is_former for item in (first, *later)):
            continue
        values = _values(first.write)
        for item in later:
            if values is None or _values(item.write) != values:
                found[item.place] = duplicate_item(*item.thing, offset_of(first.place))
    return found


def asset_items(
    writes: Sequence[Write], results: Mapping[int, Any], known_entities: KnownEntities, lookup: AssetLookup
) -> Iterator[NamedItem]:
    """Yields the items of a chunk that name assets which are stored.

    Args:
        writes: The chunk.
        results: The outcomes of items that are unchanged or cannot be read, by their places in the chunk.
    """
    for index, write in enumerate(writes):
        result = results.get(index)
        if isinstance(write, EntityWrite) or isinstance(result, CatalogError):
            continue
        if isinstance(result, Unchanged):
            is_former = (result.service, result.record.name) != write.key
            yield NamedItem(index, write, (write.kind.name, result.fqn), is_former)
        elif record := lookup.named(write) or lookup.renamed(write):
            is_former = lookup.named(write) is None
            yield NamedItem(index, write, (write.kind.name, known_entities.fqn_of(record)), is_former)


def _values(write: Write) -> Mapping[str, Any] | None:
    """Returns the fields that an item sets, apart from its name; None if it cannot be read."""
    if isinstance(write, DeferredUpsert):
        try:
            write = write.read()
        except CatalogError:
            return None
    return write.values
