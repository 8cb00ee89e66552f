"""From a query to a query of the index: what matches as it is written, and what nearly does.

Equal names come first, then what has all words in its name or display name, then what scores higher.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from dashboard_catalog.catalog.reading.search.query import Query, Term
from dashboard_catalog.index import queries
from dashboard_catalog.index.typos import typos_in
from dashboard_catalog.index.words import names_of

MAX_WORDS_WITH_TYPOS = 12
"""Number of words up to which a query may have typos. Near misses cost much more time than words."""

_NAMES = ("name", "display_name")
_TEXTS = (*_NAMES, "project_words", "description", "extension")
# More than the scores of words can add up to.
_ALL_IN_NAME, _IS_NAME = 1_000.0, 4_000.0

_Clause = Callable[[str], queries.Query]
"""Returns what finds something in a field."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold beside the words of a query.

    Attributes:
        all_of: What must be found.
        none_of: What must not be found.
    """

    all_of: Sequence[queries.Query] = ()
    none_of: Sequence[queries.Query] = ()


@dataclass(frozen=True, slots=True)
class Matching:
    """What a query matches.

    Attributes:
        found: Finds and scores it.
        lifts: What of it comes before everything else, with how much that adds to its score.
    """

    found: queries.Query
    lifts: Sequence[tuple[queries.Query, float]] = ()


class _Spelling(NamedTuple):
    """How words match.

    Attributes:
        typos: Whether near misses match, too.
        by_rarity: Whether rare words count more than common ones.
    """

    typos: bool
    by_rarity: bool


@dataclass(frozen=True, slots=True)
class Matcher:
    """Makes queries of the index.

    Attributes:
        tags: Returns the ids of the tags that a query of the index finds.
        charts: What a dashboard must be to be found by the names of its charts; None if that does not matter.
        by_rarity: Whether rare words count more than common ones. How rare a word is would tell callers how often it
            is in what they may not view.
    """

    tags: Callable[[queries.Query], Collection[str]]
    charts: queries.Query | None = None
    by_rarity: bool = True

    def matching(self, query: Query, fields: Conditions, *, typos: bool = False) -> Matching:
        """Returns what a query matches.

        Args:
            fields: The conditions of the fields that the query names.
            typos: Whether near misses match, too.
        """
        if not query.text.strip():
            return Matching(queries.condition(queries.everything()))
        # Any text may be a name, also one that means something else.
        found = [queries.any_of("named", names_of(query.text)[:1])]
        if query.has_conditions:
            words = [queries.scaled(self._anywhere(term, typos), 1 / len(query.terms)) for term in query.terms]
            without = [queries.all_of(map(self._anywhere, each)) for each in query.without]
            found.append(queries.all_of([*words, *fields.all_of], without=[*without, *fields.none_of]))
        return Matching(queries.either(found), tuple(_lifts(query, _Spelling(typos, self.by_rarity))))

    def _anywhere(self, term: Term, typos: bool = False) -> queries.Query:
        return _spread(term, self._in_any_field, _Spelling(typos, self.by_rarity))

    def _in_any_field(self, clause: _Clause) -> queries.Query:
        found = list(map(clause, _TEXTS))
        found.append(queries.all_of([clause("charts"), *([self.charts] if self.charts else [])]))
        if tags := self.tags(clause("label")):
            found.append(queries.labelled(tags))
        return queries.either(found)


def may_have_typos(query: Query) -> bool:
    """Says whether near misses of the words of a query are worth a search."""
    number = sum(len(term.words) for term in query.terms)
    return number <= MAX_WORDS_WITH_TYPOS and any(
        typos_in(word) for term in query.terms if not term.in_a_row for word in (*term.words, term.joined or "")
    )


def _lifts(query: Query, spelling: _Spelling) -> Iterator[tuple[queries.Query, float]]:
    """Yields what comes before everything else that is found."""
    words = " ".join(word for term in query.terms for word in term.words)
    yield queries.any_of("named", [*names_of(query.text), words]), _IS_NAME
    if query.terms:
        in_one = [
            queries.all_of(_spread(term, partial(_in_field, name), spelling) for term in query.terms) for name in _NAMES
        ]
        yield queries.either(in_one), _ALL_IN_NAME


def _in_field(field: str, clause: _Clause) -> queries.Query:
    return clause(field)


def _spread(term: Term, find: Callable[[_Clause], queries.Query], spelling: _Spelling) -> queries.Query:
    """Returns what finds a term: its words in a row in one field, or each of them in any of the fields of `find`."""
    if term.in_a_row:
        return find(partial(_row, words=term.words, spelling=spelling))
    *others, last = term.words
    words = [find(partial(_word, text=word, spelling=spelling)) for word in others]
    words.append(find(partial(_word, text=last, spelling=spelling, is_begun=term.is_last)))
    if not term.joined:
        return words[0]
    joined = find(partial(_word, text=term.joined, spelling=spelling, is_begun=term.is_last))
    return queries.either([queries.all_of(words), joined])


def _row(field: str, *, words: Sequence[str], spelling: _Spelling) -> queries.Query:
    """Returns what finds words in a row in a field."""
    found = queries.row(field, words)
    return found if spelling.by_rarity else queries.as_common(field, found)


def _word(field: str, *, text: str, spelling: _Spelling, is_begun: bool = False) -> queries.Query:
    """Returns what finds a word in a field.

    Args:
        is_begun: Whether the word may be only begun.
    """
    found = [_row(field, words=(text,), spelling=spelling)]
    if is_begun:
        found.append(queries.prefix(field, text))
    if spelling.typos and (distance := typos_in(text)):
        found.append(queries.near(field, text, distance))
    return queries.either(found)
