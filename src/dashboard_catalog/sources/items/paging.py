"""Says whether the pages that a load holds are all that there are, in whatever files and order they lie.

A server answers a list page by page, and each page but the last says that there is another. A load that lacks pages
looks like the whole list to a sweep, so it has to be said.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard_catalog.sources.kinds import Kind

PAGING_KEYS = frozenset(("paging", "nextPageToken"))


@dataclass(slots=True)
class _Pages:
    """The pages of one kind: how many items, how many there should be, whether the last page is among them."""

    items: int = 0
    total: int = 0
    has_last: bool = False
    newest: str = ""


class Paging:
    """The pages that were read so far."""

    def __init__(self) -> None:
        self._kinds: dict[Kind | None, _Pages] = {}
        self._has_ended = False

    def take(self, place: str, page: Mapping[str, Any], kind: Kind | None, items: int) -> None:
        """Takes a page.

        Args:
            place: Where it was found.
            page: The page.
            kind: Kind of its first item.
            items: How many items it holds.
        """
        pages = self._kinds.setdefault(kind, _Pages())
        pages.newest = place
        pages.items += items
        paging = page.get("paging")
        paging = paging if isinstance(paging, Mapping) else {}
        has_next = bool(page.get("nextPageToken") or paging.get("after"))
        pages.has_last |= not has_next
        # The page after the last item may be empty.
        self._has_ended |= not has_next and not items
        if isinstance(total := paging.get("total"), int):
            pages.total = max(pages.total, total)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yields what is missing: the place of a page, and what is wrong with it."""
        for pages in self._kinds.values():
            if not (pages.has_last or self._has_ended):
                yield pages.newest, _NOT_THE_LAST_PAGE
            elif pages.items < pages.total:
                yield (
                    pages.newest,
                    f"says that there are {pages.total:,} items, but only {pages.items:,} are there: {_ALL}",
                )


_ALL = "give all pages at once, or ask for a larger page"
_NOT_THE_LAST_PAGE = f"says that there are more pages: {_ALL}"
