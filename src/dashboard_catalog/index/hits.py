"""The best documents that a query finds, page by page, in an order without ties."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import tantivy

from dashboard_catalog.index.fields import SCHEMA, Thing, key_of, name_order

MAX_HITS = 10_000
"""Number of hits that pages reach."""

# After this many hits, those that are equally good come in an arbitrary order.
_MAX_FOUND = MAX_HITS + 100
# Almost as fast as the few of a page, and often enough to tell which hits tie with the last one.
_FIRST_FOUND = 500
_ASCENDING, _DESCENDING = tantivy.Order.Asc, tantivy.Order.Desc

Searcher: TypeAlias = tantivy.Searcher
"""One state of the index, to be searched."""

Key: TypeAlias = float
"""What a hit is ordered by: its score or its time; 0 if it is ordered by name alone."""


class Hit(NamedTuple):
    """A document that was found."""

    key: Key
    thing: Thing


class Window(NamedTuple):
    """The page of hits that is wanted.

    Attributes:
        size: Maximum number of hits.
        seen: Number of hits on the pages before.
        last: The last one of them; None for the first page.
    """

    size: int
    seen: int = 0
    last: Thing | None = None


class Found(NamedTuple):
    """A page of hits.

    Attributes:
        more: Whether others follow.
        total: Number of all documents that match.
    """

    hits: Sequence[Hit]
    more: bool
    total: int


def by_name(searcher: Searcher, query: tantivy.Query, page: Window) -> Found:
    """Returns a page of the documents that match, ordered by name, kind and id."""
    size, _, last = page
    # Every name that is looked at costs time, so a page looks only at those that begin like the last one or later.
    rest = query
    if last:
        clauses = [(tantivy.Occur.Must, query), (tantivy.Occur.Must, _from(last.name))]
        rest = tantivy.Query.boolean_query(clauses)
    limit = size + 1 + (size if last else 0)
    while True:
        result = searcher.search(rest, limit=limit, order_by_field="by_name", order=_ASCENDING)
        names = [name for name, _ in result.hits if not last or name > str(last)]
        if len(names) > size or len(result.hits) < limit:
            total = _total(searcher.search(query, limit=1) if last else result)
            return Found([Hit(0.0, Thing.parse(name)) for name in names[:size]], len(names) > size, total)
        limit *= 2


def best(searcher: Searcher, query: tantivy.Query, page: Window) -> Found:
    """Returns a page of the documents that match, ordered by score, then by name, kind and id."""
    return _ranked(searcher, query, None, page)


def newest(searcher: Searcher, query: tantivy.Query, page: Window) -> Found:
    """Returns a page of the documents that match, ordered by the time of their last change, then by id."""
    return _ranked(searcher, query, "updated_at", page)


def things(searcher: Searcher, query: tantivy.Query, limit: int = 1_000) -> list[Thing]:
    """Returns what the documents describe that a query finds, up to a number, in any order."""
    found = searcher.search(query, limit=limit, count=False).hits
    return [Thing.parse(str(searcher.doc(address)["by_name"][0])) for _, address in found]


def _ranked(searcher: Searcher, query: tantivy.Query, field: str | None, page: Window) -> Found:
    size, seen, last = page
    limit = max(seen + size + 2, _FIRST_FOUND)
    while True:
        result = searcher.search(query, limit=limit, order_by_field=field, order=_DESCENDING)
        ranking = _Ranking(searcher, result.hits, _id if field else _whole)
        start = ranking.index_after(last, seen) if last else 0
        end, behind = start + size, len(result.hits)
        # Others may tie with the last one that was found.
        is_certain = behind < limit or (end < behind - 1 and not ranking.tie(end, behind - 1))
        if is_certain or limit == _MAX_FOUND:
            return Found(ranking.hits(start, end), behind > end, _total(result))
        limit = _MAX_FOUND


class _Ranking:
    """Hits in the order of their keys, whose ties are broken where somebody looks."""

    def __init__(
        self,
        searcher: Searcher,
        found: Sequence[tuple[Any, tantivy.DocAddress]],
        ties: Callable[[str], str],
    ) -> None:
        self._searcher = searcher
        self._keys = [key for key, _ in found]
        self._addresses = [address for _, address in found]
        self._ties = ties

    def tie(self, one: int, other: int) -> bool:
        """Says whether two hits are equally good."""
        return bool(self._keys[one] == self._keys[other])

    def hits(self, start: int, end: int) -> list[Hit]:
        """Returns the hits from an index up to another one, exclusive."""
        found: list[Hit] = []
        index = start
        while index < min(end, len(self._keys)):
            first, behind = self._group(index)
            names = self._sorted(first, behind)[index - first : end - first]
            found += [Hit(float(self._keys[index]), Thing.parse(name)) for name in names]
            index = behind
        return found

    def index_after(self, last: Thing, otherwise: int) -> int:
        """Returns the index behind a hit of an earlier search, whose score may have changed a little since then.

        Args:
            otherwise: Is returned if it is not found any more.
        """
        term = tantivy.Query.term_query(SCHEMA, "key", key_of(last.kind, last.id))
        for _, there in self._searcher.search(term, limit=1, count=False).hits:
            for index, address in enumerate(self._addresses):
                if (address.doc, address.segment_ord) == (there.doc, there.segment_ord):
                    first, behind = self._group(index)
                    return first + self._sorted(first, behind).index(self._name(address)) + 1
        return otherwise

    def _group(self, index: int) -> tuple[int, int]:
        """Returns the indexes of the first hit that ties with one, and behind the last that does."""
        first, behind = index, index + 1
        while first > 0 and self.tie(first - 1, index):
            first -= 1
        while behind < len(self._keys) and self.tie(behind, index):
            behind += 1
        return first, behind

    def _sorted(self, first: int, behind: int) -> list[str]:
        return sorted(map(self._name, self._addresses[first:behind]), key=self._ties)

    def _name(self, address: tantivy.DocAddress) -> str:
        return str(self._searcher.doc(address)["by_name"][0])


def _total(result: Any) -> int:
    # The stubs of tantivy do not know it.
    return int(result.count)


def _whole(name: str) -> str:
    return name


def _id(name: str) -> str:
    return name.rpartition("\0")[2]


def _from(name: str) -> tantivy.Query:
    return tantivy.Query.range_query(SCHEMA, "name_order", tantivy.FieldType.Unsigned, lower_bound=name_order(name))
