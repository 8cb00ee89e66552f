"""The pieces of text that show where a result matches.

They are made of what the caller sees of a result. The index is not asked: it knows nothing of the positions of near
misses, and what is stored may be newer.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dashboard_catalog.catalog.reading.search.query import Query
from dashboard_catalog.index.fields import MAX_DESCRIPTION
from dashboard_catalog.index.typos import is_near, typos_in
from dashboard_catalog.index.words import Word, joined, runs

MAX_SNIPPET = 200
"""Length of a snippet, in code points."""

# How much of a snippet stands before what matches, where the text is longer.
_BEFORE = 60


class Range(NamedTuple):
    """A part of a text, in code points; the end is exclusive."""

    start: int
    end: int


class Snippet(NamedTuple):
    """A piece of text that matches.

    Attributes:
        field: Path of the field, in snake_case; keys of custom properties as they are.
        ranges: What matches, in its order.
    """

    field: str
    text: str
    ranges: Sequence[Range]


class Highlighter:
    """Finds what a query matches in texts.

    Args:
        typos: Whether near misses match, too.
    """

    def __init__(self, query: Query, *, typos: bool) -> None:
        self._rows = [term.words for term in query.terms if term.in_a_row]
        split = [term for term in query.terms if not term.in_a_row]
        self._words = {word for term in split for word in (*term.words, term.joined) if word}
        self._begun = tuple(word for term in split if term.is_last for word in (term.words[-1], term.joined) if word)
        self._near = {word for word in self._words if typos_in(word)} if typos else set()
        self._known: dict[str, bool] = {}

    def snippet(self, field: str, text: str | None) -> Snippet | None:
        """Returns the piece of a text that matches most; None if nothing matches."""
        text = (text or "")[:MAX_DESCRIPTION]
        ranges = self.ranges(text)
        if not ranges:
            return None
        start = _start(text, ranges)
        shown = text[start : start + MAX_SNIPPET]
        inside = (Range(max(first - start, 0), min(end - start, len(shown))) for first, end in ranges)
        return Snippet(field, shown, [each for each in inside if each.start < each.end])

    def ranges(self, text: str) -> list[Range]:
        """Returns what matches in a text: parts that do not touch, in their order."""
        if not (self._words or self._rows) or not text:
            return []
        all_words: list[Word] = []
        found: list[Range] = []
        for run in runs(text):
            all_words += run
            matching = [word for word in run if self._matches(word.text)]
            if not matching and (form := joined(run)) and self._matches(form.text):
                matching = [form]
            found += [Range(word.start, word.end) for word in matching]
        for row in self._rows:
            found += _rows(all_words, row)
        return _merged(sorted(found))

    def _matches(self, word: str) -> bool:
        if word not in self._known:
            near = any(is_near(word, other, typos_in(other)) for other in self._near)
            self._known[word] = word in self._words or word.startswith(self._begun) or near
        return self._known[word]


def _rows(words: Sequence[Word], row: Sequence[str]) -> Iterator[Range]:
    """Yields the parts of a text where words stand in a row."""
    for index in range(len(words) - len(row) + 1):
        if words[index].text == row[0] and all(
            word.text == wanted for word, wanted in zip(words[index:], row, strict=False)
        ):
            yield Range(words[index].start, words[index + len(row) - 1].end)


def _merged(ranges: Sequence[Range]) -> list[Range]:
    merged: list[Range] = []
    for each in ranges:
        if merged and each.start <= merged[-1].end:
            merged[-1] = Range(merged[-1].start, max(each.end, merged[-1].end))
        else:
            merged.append(each)
    return merged


def _start(text: str, ranges: Sequence[Range]) -> int:
    """Returns where the piece of a text begins that has most of its ranges."""
    if len(text) <= MAX_SNIPPET:
        return 0
    best = most = end = 0
    for index, first in enumerate(ranges):
        while end < len(ranges) and ranges[end].end <= first.start + MAX_SNIPPET - _BEFORE:
            end += 1
        if end - index > most:
            best, most = first.start, end - index
    start = max(0, min(best - _BEFORE, len(text) - MAX_SNIPPET))
    # At the beginning of a word, if there is one before what matches.
    blank = text.find(" ", start, best) if start else -1
    return blank + 1 if blank >= 0 else start
