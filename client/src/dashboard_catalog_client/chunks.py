"""Packs items into the chunks of a stream.

The server writes a chunk in one transaction, which is fastest if all its items have one kind and one BI service. Holds
a limited number of items, however long the stream is.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from dashboardcatalog.v1 import bulk_pb2, chart_pb2, dashboard_pb2, entity_pb2

MAX_ITEMS = 1_000
MAX_BYTES = 3 * 2**20
"""Below the 4 MiB of a message, to leave room for options and lengths."""
MAX_ITEM_BYTES = 512 * 2**10
"""The server refuses a larger item, and only that one."""

_WINDOW_ITEMS = 10_000
_WINDOW_BYTES = 16 * 2**20

_KINDS = ("entity", "chart", "dashboard")
"""In the order of loading: a kind comes after the kinds that it refers to."""
# The fields that identify an item.
_NAMING = ("name", "service", "classification", "parent", "applies_to")
_LONGEST_NAME = 1_000


@dataclass(frozen=True, slots=True)
class Item:
    """One item to send; `item_of` makes it.

    Attributes:
        place: The caller's name for it, of any type, such as the line of a file.
        kind: `entity`, `chart` or `dashboard`; empty if the message has none of them.
        service: Fully qualified name of its BI service; empty for entities.
        message: The item.
        size: Size of the message in bytes.
    """

    place: Any
    kind: str
    service: str
    message: bulk_pb2.BulkUpsertItem
    size: int

    @property
    def is_replaced(self) -> bool:
        """Whether a stand-in is sent, because no message of the stream can hold the item."""
        return self.size > MAX_BYTES

    @property
    def sent(self) -> bulk_pb2.BulkUpsertItem:
        """The message to send: the item, or its stand-in.

        A stand-in has the same name and is too large as well, so the server refuses it like any other large item.
        """
        return _stand_in(self.message) if self.is_replaced else self.message

    @property
    def sent_size(self) -> int:
        """Approximate size of `sent` in bytes."""
        return 2 * MAX_ITEM_BYTES if self.is_replaced else self.size


def item_of(sent: Any, place: Any = "") -> Item:
    """Returns a message of the contract as an item.

    Args:
        sent: A `BulkUpsertItem`, or a message that one can hold; an `Item` is returned as it is.
        place: The caller's name for it.

    Raises:
        TypeError: If it is anything else.
    """
    if isinstance(sent, Item):
        return sent
    message = sent if isinstance(sent, bulk_pb2.BulkUpsertItem) else _wrapped(sent)
    kind = message.WhichOneof("item") or ""
    service = getattr(getattr(message, kind), "service", "") if kind else ""
    return Item(place, kind, service, message, message.ByteSize())


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


def _stand_in(message: bulk_pb2.BulkUpsertItem) -> bulk_pb2.BulkUpsertItem:
    stand_in = bulk_pb2.BulkUpsertItem()
    whole, part = _inner(message), _inner(stand_in, like=message)
    for name in _NAMING:
        if name in whole.DESCRIPTOR.fields_by_name:
            setattr(part, name, getattr(whole, name)[:_LONGEST_NAME])
    part.description = "." * MAX_ITEM_BYTES
    return stand_in


def _inner(message: bulk_pb2.BulkUpsertItem, like: bulk_pb2.BulkUpsertItem | None = None) -> Any:
    """Returns the message inside an item: a dashboard, a chart, or one entity such as a user."""
    like = like or message
    inner = getattr(message, like.WhichOneof("item") or "")
    return getattr(inner, like.entity.WhichOneof("entity") or "") if like.HasField("entity") else inner


@dataclass(slots=True)
class _Batch:
    items: list[Item] = field(default_factory=list)
    size: int = 0

    def has_room_for(self, item: Item) -> bool:
        return len(self.items) < MAX_ITEMS and self.size + item.sent_size <= MAX_BYTES

    def add(self, item: Item) -> None:
        self.items.append(item)
        self.size += item.sent_size


class Packing:
    """The items that are held, grouped by kind and BI service.

    Entities go first, then charts, then dashboards. Within a kind, the items of a BI service keep their order.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._batches: dict[str, dict[str, _Batch]] = {kind: {} for kind in (*_KINDS, "")}
        self._items = 0
        self._size = 0

    def add(self, item: Item) -> Iterator[list[Item]]:
        """Adds an item, and yields the chunks that must be sent now."""
        if self._items >= _WINDOW_ITEMS or self._size >= _WINDOW_BYTES:
            yield from self.rest()
        of_kind = self._batches[item.kind]
        batch = of_kind.get(item.service)
        if batch is not None and not batch.has_room_for(item):
            yield from self._before(item.kind)
            yield self._taken(of_kind.pop(item.service))
        of_kind.setdefault(item.service, _Batch()).add(item)
        self._items += 1
        self._size += item.sent_size

    def rest(self) -> Iterator[list[Item]]:
        """Yields everything that is held."""
        for kind in self._batches:
            yield from self._packed(kind)

    def _before(self, kind: str) -> Iterator[list[Item]]:
        """Yields the items that those of a kind may refer to."""
        for earlier in self._batches:
            if earlier == kind:
                return
            yield from self._packed(earlier)

    def _packed(self, kind: str) -> Iterator[list[Item]]:
        """Yields everything that is held of a kind, with small BI services together in one chunk."""
        held, self._batches[kind] = self._batches[kind], {}
        batch = _Batch()
        for item in chain.from_iterable(one.items for one in held.values()):
            if not batch.has_room_for(item):
                yield self._taken(batch)
                batch = _Batch()
            batch.add(item)
        if batch.items:
            yield self._taken(batch)

    def _taken(self, batch: _Batch) -> list[Item]:
        self._items -= len(batch.items)
        self._size -= batch.size
        return batch.items


def chunks_of(items: Iterable[Any]) -> Iterator[list[Item]]:
    """Yields chunks of the items; accepts everything that `item_of` does."""
    packing = Packing()
    for item in items:
        yield from packing.add(item_of(item))
    yield from packing.rest()


async def chunks_from(items: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[list[Item], None]:
    """Yields chunks like `chunks_of`, also from an async iterable."""
    if not isinstance(items, AsyncIterable):
        for chunk in chunks_of(items):
            yield chunk
        return
    packing = Packing()
    async for item in items:
        for chunk in packing.add(item_of(item)):
            yield chunk
    for chunk in packing.rest():
        yield chunk
