"""Orders of hits have no ties, and pages of them hold each hit once."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
import tantivy

from dashboard_catalog.index import hits, queries
from dashboard_catalog.index.fields import SCHEMA, Document, Thing, key_of, values_of
from dashboard_catalog.index.hits import Found, Searcher, Window, best, by_name, newest

START = datetime(2026, 1, 1, tzinfo=UTC)
# Many names, and many of them begin alike for longer than a number can tell.
NAMES = [f"dashboard of sales {number // 3}" for number in range(300)]
ALL = queries.word("name", "sales")

Find = Callable[[Searcher, tantivy.Query, Window], Found]


@pytest.fixture
def index() -> tantivy.Index:
    """An index of dashboards in several segments. Ten at a time were changed at the same moment."""
    index = tantivy.Index(SCHEMA)
    writer = index.writer(15_000_000, 1)
    numbers = list(range(len(NAMES)))
    Random(1).shuffle(numbers)
    for place, number in enumerate(numbers):
        changed_at = START + timedelta(seconds=number // 10)
        added = Document(kind="dashboard", id=UUID(int=number), name=NAMES[number], updated_at=changed_at)
        writer.add_document(tantivy.Document.from_dict(values_of(added), SCHEMA))
        if place % 100 == 0:
            writer.commit()
    writer.commit()
    index.reload()
    return index


def pages(find: Find, index: tantivy.Index, size: int) -> Iterator[list[Thing]]:
    """Yields the hits of each page."""
    seen: list[Thing] = []
    while True:
        found = find(index.searcher(), ALL, Window(size, len(seen), seen[-1] if seen else None))
        assert found.total == len(NAMES)
        seen += (page := [hit.thing for hit in found.hits])
        yield page
        if not found.more:
            return


def document(number: int) -> tantivy.Query:
    """Returns what finds the document of a number."""
    return tantivy.Query.term_query(SCHEMA, "key", key_of("dashboard", UUID(int=number)))


BY_NAME = [(name, number) for number, name in enumerate(NAMES)]
ORDERS = {
    "best": (best, sorted(BY_NAME)),
    "by_name": (by_name, sorted(BY_NAME)),
    "newest": (newest, sorted(BY_NAME, key=lambda each: (-(each[1] // 10), each[1]))),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("size", "found_at_first"), [(41, 0), (41, 500), (300, 0)])
def test_pages_hold_each_hit_once_in_the_order_of_its_ties(
    index: tantivy.Index, monkeypatch: pytest.MonkeyPatch, order: str, size: int, found_at_first: int
) -> None:
    monkeypatch.setattr(hits, "_FIRST_FOUND", found_at_first)
    find, expected = ORDERS[order]
    shown = list(pages(find, index, size))
    assert [len(page) for page in shown[:-1]] == [size] * (len(shown) - 1)
    assert [(thing.name, thing.id.int) for page in shown for thing in page] == expected


@pytest.mark.parametrize("order", ORDERS)
def test_a_page_goes_on_where_the_last_one_ended_also_if_that_hit_is_gone(index: tantivy.Index, order: str) -> None:
    find, expected = ORDERS[order]
    last = find(index.searcher(), ALL, Window(10)).hits[-1].thing
    writer = index.writer(15_000_000, 1)
    # One before the page, so that everything behind it moves.
    writer.delete_documents_by_query(document(expected[0][1]))
    writer.commit()
    index.reload()
    found = find(index.searcher(), ALL, Window(10, 10, last))
    assert [(hit.thing.name, hit.thing.id.int) for hit in found.hits] == expected[10:20]
    writer.delete_documents_by_query(document(last.id.int))
    writer.commit()
    index.reload()
    found = find(index.searcher(), ALL, Window(10, 10, last))
    assert len(found.hits) == 10
