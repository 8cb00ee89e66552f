"""Files of items, which can be read several times: those of the catalog's own formats, and what other formats yielded.

Items of other formats are kept in a *spool*, a file of lines in a scratch folder. So a source of any format can be
counted, read in the order of loading, and resumed, while memory stays flat.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dashboard_catalog.sources.files.records import Content, Source
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.own_format import items_in
from dashboard_catalog.sources.items.paging import Paging
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.wishes import Wishes

_ITEMS_BETWEEN_NOTICES = 1_000


class ItemFile(Content, Protocol):
    """A file that holds items."""

    @property
    def has_all_charts(self) -> bool:
        """Whether its dashboards have all their charts, so that a dashboard without charts has none."""

    @property
    def is_foreign(self) -> bool:
        """Whether it is in the format of another tool."""

    def items(self, paging: Paging | None = None) -> Iterator[Found]:
        """Yields all its items, from the first one each time it is called.

        Args:
            paging: Gets the pages that it holds, if it is given.

        Raises:
            SourceError: If it cannot be read.
        """


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file in one of the catalog's own formats, which include the bodies of OpenMetadata."""

    source: Source
    wishes: Wishes
    has_all_charts: bool
    is_foreign: bool = False

    @property
    def name(self) -> str:
        """See `Content`."""
        return self.source.name

    @property
    def path(self) -> Path:
        """See `Content`."""
        return self.source.path

    def items(self, paging: Paging | None = None) -> Iterator[Found]:
        """See `ItemFile`."""
        return items_in(self.source, self.wishes, paging)


@dataclass(frozen=True, slots=True)
class Spool:
    """The items that another format yielded."""

    name: str
    path: Path
    has_all_charts: bool
    is_foreign: bool = True

    def items(self, paging: Paging | None = None) -> Iterator[Found]:
        """See `ItemFile`."""
        with self.path.open(encoding="ascii") as lines:
            yield from map(_read, lines)


def fill(spool: Spool, items: Iterable[Found], on_read: Callable[[int], None]) -> None:
    """Writes all items into the file of a spool.

    Args:
        spool: The spool.
        items: What a format yields.
        on_read: Called now and then with the number of items that were read so far.

    Raises:
        SourceError: If the source cannot be read.
    """
    with spool.path.open("w", encoding="ascii") as lines:
        for number, item in enumerate(items, start=1):
            lines.write(f"{_line(item)}\n")
            if number % _ITEMS_BETWEEN_NOTICES == 0:
                on_read(number)


def _line(item: Found) -> str:
    rest = item.problem if isinstance(item, BadItem) else item.dropped
    try:
        return json.dumps([item.place, item.kind, item.body, rest])
    except (TypeError, ValueError, RecursionError):
        return _line(BadItem(item.place, "has values that JSON cannot have, or is nested too deeply"))


def _read(line: str) -> Found:
    place, kind, body, rest = json.loads(line)
    if isinstance(rest, str):
        return BadItem(place, rest, kind and Kind(kind), body)
    return FoundItem(place, Kind(kind), body, dropped=tuple(rest))
