"""What queries of the index are made of. This is the only module that makes them, so that no other one knows tantivy.

A condition decides only whether a document is found. Words also give it a score: how rare they are and where they are.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

import tantivy

from dashboard_catalog.index.fields import SCHEMA

Query: TypeAlias = tantivy.Query
"""A query of the index, to be combined with others."""

_MUST, _SHOULD, _MUST_NOT = tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot

# How much a word counts by the field that holds it.
_WEIGHTS = {
    "name": 4.0,
    "display_name": 4.0,
    "label": 2.0,
    "project_words": 2.0,
    "charts": 1.0,
    "extension": 1.0,
    "description": 1.0,
}
# The beginning of a word and a near miss count less than any word as it is written.
_OF_PREFIX, _OF_TYPO = 0.05, 0.02


def everything() -> Query:
    """Returns what finds every document."""
    return tantivy.Query.all_query()


def nothing() -> Query:
    """Returns what finds no document."""
    return tantivy.Query.empty_query()


def condition(query: Query) -> Query:
    """Returns a query that leaves the score alone."""
    return tantivy.Query.const_score_query(query, 0.0)


def any_of(field: str, values: Collection[str]) -> Query:
    """Returns the condition that a field has one of some values."""
    if not values:
        return nothing()
    return condition(tantivy.Query.term_set_query(SCHEMA, field, list(values)))


def deleted() -> Query:
    """Returns what finds deleted things."""
    return condition(tantivy.Query.term_query(SCHEMA, "deleted", True))


def no_things() -> Query:
    """Returns what finds the documents that describe nothing, but say how far the index has come."""
    return condition(tantivy.Query.exists_query("position"))


def all_of(queries: Iterable[Query], *, without: Iterable[Query] = ()) -> Query:
    """Returns what finds the documents that all queries find, except those that any of `without` finds."""
    clauses = [(_MUST, query) for query in queries]
    # tantivy finds nothing if there is nothing to take from.
    clauses = clauses or [(_MUST, condition(everything()))]
    return tantivy.Query.boolean_query([*clauses, *((_MUST_NOT, query) for query in without)])


def either(queries: Sequence[Query]) -> Query:
    """Returns what finds the documents that any of the queries finds, each with the best of its scores."""
    return queries[0] if len(queries) == 1 else tantivy.Query.disjunction_max_query(list(queries), 0.1)


def scaled(query: Query, factor: float) -> Query:
    """Returns a query with scores that are multiplied."""
    return tantivy.Query.boost_query(query, factor)


def lifted(query: Query, lifts: Iterable[tuple[Query, float]]) -> Query:
    """Returns a query that adds to the scores of documents that other queries find, too."""
    higher = [(_SHOULD, tantivy.Query.const_score_query(each, score)) for each, score in lifts]
    return tantivy.Query.boolean_query([(_MUST, query), *higher])


def labelled(ids: Collection[str]) -> Query:
    """Returns what finds the assets with one of some tags, as a word that is one of their labels."""
    return tantivy.Query.const_score_query(any_of("tag", ids), _WEIGHTS["label"])


def word(field: str, text: str) -> Query:
    """Returns what finds a word in a field."""
    return scaled(tantivy.Query.term_query(SCHEMA, field, text), _WEIGHTS[field])


def as_common(field: str, query: Query) -> Query:
    """Returns a query of words in a field whose scores do not depend on what other documents hold."""
    return tantivy.Query.const_score_query(query, _WEIGHTS[field])


def prefix(field: str, text: str) -> Query:
    """Returns what finds a word that begins with a text."""
    found = tantivy.Query.fuzzy_term_query(SCHEMA, field, text, distance=0, prefix=True)
    return tantivy.Query.const_score_query(found, _WEIGHTS[field] * _OF_PREFIX)


def near(field: str, text: str, distance: int) -> Query:
    """Returns what finds a word with up to a number of typos; letters that have changed places count as one."""
    found = tantivy.Query.fuzzy_term_query(SCHEMA, field, text, distance=distance, transposition_cost_one=True)
    return tantivy.Query.const_score_query(found, _WEIGHTS[field] * _OF_TYPO)


def row(field: str, words: Sequence[str]) -> Query:
    """Returns what finds words that follow each other."""
    # tantivy panics at a phrase of one word.
    if len(words) == 1:
        return word(field, words[0])
    return scaled(tantivy.Query.phrase_query(SCHEMA, field, list(words)), _WEIGHTS[field])
