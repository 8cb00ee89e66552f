"""Packs items into the chunks of a stream: each a transaction of the server, so best of one BI service.

Holds a bounded number of items, whatever the length of the stream.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from dashboards.v1 import bulk_pb2, chart_pb2, dashboard_pb2, entity_pb2

MAX_ITEMS = 1_000
MAX_BYTES = 3 * 2**20
"""Under the 4 MiB of a message, so that options and lengths have room."""

_WINDOW_ITEMS = 10_000
_WINDOW_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Item:
    """One item to send.

    Attributes:
        place: What the caller calls it: a line of a file, say.
        stage: Its place in the order of loading: items of different stages share no chunk.
        service: What it is grouped by.
        message: The item.
        size: Bytes of the message.
    """

    place: str
    stage: str
    service: str
    message: bulk_pb2.BulkUpsertItem
    size: int


def item_of(sent: Any) -> Item:
    """Returns a message of the contract as an item: a `BulkUpsertItem`, or what one can hold.

    Raises:
        TypeError: If it is anything else.
    """
    if isinstance(sent, Item):
        return sent
    message = sent if isinstance(sent, bulk_pb2.BulkUpsertItem) else _wrapped(sent)
    which = message.WhichOneof("item") or ""
    one = getattr(message, which) if which else None
    return Item("", which, getattr(one, "service", ""), message, message.ByteSize())


def _wrapped(sent: Any) -> bulk_pb2.BulkUpsertItem:
    field = _FIELDS.get(type(sent))
    if field is None:
        raise TypeError(
            f"{type(sent).__name__} cannot be loaded: give DashboardSpec, ChartSpec, Entity or BulkUpsertItem"
        )
    return bulk_pb2.BulkUpsertItem(**{field: sent})


_FIELDS: Mapping[type[Any], str] = {
    dashboard_pb2.DashboardSpec: "dashboard",
    chart_pb2.ChartSpec: "chart",
    entity_pb2.Entity: "entity",
}


@dataclass(slots=True)
class _Batch:
    items: list[Item] = field(default_factory=list)
    size: int = 0

    def has_room_for(self, item: Item) -> bool:
        return len(self.items) < MAX_ITEMS and self.size + item.size <= MAX_BYTES

    def add(self, item: Item) -> None:
        self.items.append(item)
        self.size += item.size


class _Window:
    """The items at hand, by BI service."""

    def __init__(self) -> None:
        self._batches: dict[str, _Batch] = {}
        self._items = 0
        self._size = 0

    @property
    def is_full(self) -> bool:
        return self._items >= _WINDOW_ITEMS or self._size >= _WINDOW_BYTES

    def add(self, item: Item) -> list[Item]:
        """Holds the item and returns the chunk of its BI service that has no room for it, if there is one."""
        batch = self._batches.setdefault(item.service, _Batch())
        done: list[Item] = []
        if not batch.has_room_for(item):
            done, self._batches[item.service] = batch.items, _Batch()
            self._items -= len(done)
            self._size -= batch.size
        self._batches[item.service].add(item)
        self._items += 1
        self._size += item.size
        return done

    def packed(self) -> Iterator[list[Item]]:
        """Yields all that is held, small services together in one chunk."""
        batch = _Batch()
        for item in chain.from_iterable(one.items for one in self._batches.values()):
            if not batch.has_room_for(item):
                yield batch.items
                batch = _Batch()
            batch.add(item)
        if batch.items:
            yield batch.items


def chunks_of(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yields the items in chunks, grouped by BI service as far as those at hand allow."""
    window = _Window()
    stage: str | None = None
    for item in items:
        if item.stage != stage or window.is_full:
            yield from window.packed()
            window, stage = _Window(), item.stage
        if done := window.add(item):
            yield done
    yield from window.packed()
