"""What a query matches, compared with a plain reading of its words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.reading.search.matching import Conditions, Matcher, may_have_typos
from dashboard_catalog.catalog.reading.search.query import Query, Term, parse
from dashboard_catalog.index import hits, queries
from dashboard_catalog.index.counting import count
from dashboard_catalog.index.fields import SCHEMA, Document, values_of
from dashboard_catalog.index.typos import is_near, typos_in
from dashboard_catalog.index.words import joined, names_of, runs, words

NAMES = [
    "salesByRegion_v2",
    "Sales by region",
    "sales-old",
    "売上 sales",
    "rEGION v",
    "v2",
    "Salesbyregion",
    "-v",
    '"v',
]
# Words, parts of words, typos and syntax.
QUERIES = st.lists(
    st.sampled_from(["sales", "salse", "SALES", "by", "region", "salesByRegion", "salesbyregion", "reg", "v", "2"])
    | st.sampled_from([" ", " ", '"', " -", "_", "売", "上", ":", "kind:"])
    | st.text(max_size=3),
    max_size=8,
).map("".join)


@pytest.fixture(scope="module")
def searcher() -> tantivy.Searcher:
    """An index of dashboards with nothing but a name."""
    index = tantivy.Index(SCHEMA)
    writer = index.writer(15_000_000, 1)
    for number, name in enumerate(NAMES):
        document = Document(
            kind="dashboard", id=UUID(int=number), name=name, updated_at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        writer.add_document(tantivy.Document.from_dict(values_of(document), SCHEMA))
    writer.commit()
    index.reload()
    return index.searcher()


@given(text=QUERIES, typos=st.booleans())
def test_a_query_finds_what_its_words_say(searcher: tantivy.Searcher, text: str, typos: bool) -> None:
    query = parse(text)
    fields = Conditions(
        [queries.nothing()] if query.fields else [], [queries.nothing()] if query.without_fields else []
    )
    matching = Matcher(lambda _: []).matching(query, fields, typos=typos)
    best = hits.best(searcher, queries.lifted(matching.found, matching.lifts), hits.Window(100))
    expected = {name for name in NAMES if finds(query, name, typos=typos)}
    assert {hit.thing.name for hit in best.hits} == expected
    assert best.total == len(expected)
    assert count(searcher, matching.found, ["kind"])["kind"].values == (
        {"dashboard": len(expected)} if expected else {}
    )
    equal = [name for name in expected if not set(names_of(text)).isdisjoint(names_of(name))]
    assert {hit.thing.name for hit in best.hits[: len(equal)]} == set(equal)
    assert may_have_typos(parse(text)) == any(
        typos_in(word) for term in query.terms if not term.in_a_row for word in (*term.words, term.joined or "")
    )


def finds(query: Query, name: str, *, typos: bool) -> bool:
    """Says whether a query finds a dashboard with nothing but a name."""
    if not query.text.strip() or names_of(query.text)[0] in names_of(name):
        return True
    return (
        query.has_conditions
        and not query.fields
        and all(_has(name, term, typos) for term in query.terms)
        and not any(all(_has(name, term) for term in each) for each in query.without)
    )


def _has(name: str, term: Term, typos: bool = False) -> bool:
    found = [word.text for word in words(name)]
    if term.in_a_row:
        return any(tuple(found[start : start + len(term.words)]) == term.words for start in range(len(found))) or (
            len(term.words) == 1 and term.words[0] in _forms(name)
        )
    *others, last = term.words
    split = all(_is_there(name, word, typos) for word in others) and _is_there(name, last, typos, begun=term.is_last)
    return split or (term.joined is not None and _is_there(name, term.joined, typos, begun=term.is_last))


def _is_there(name: str, wanted: str, typos: bool, *, begun: bool = False) -> bool:
    return any(
        word == wanted or (begun and word.startswith(wanted)) or (typos and is_near(word, wanted, typos_in(wanted)))
        for word in (*(word.text for word in words(name)), *_forms(name))
    )


def _forms(name: str) -> Sequence[str]:
    return [form.text for run in runs(name) if (form := joined(run))]
