"""The query language. Every text is a query: what is no syntax is words.

    revenue "by region" -draft owner:ann tag:PII.Sensitive tag:Finance

Words must all match, the last one also as the beginning of a word. A phrase matches its words in a row. A minus
excludes what the word, phrase or field behind it finds. A field that is named several times matches any of the values.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dashboard_catalog.index.words import Word, fold, is_character, joined, runs, words

FIELDS = ("owner", "tag", "domain", "service", "type", "project", "kind")
"""The fields that a query can name. Others are words."""

# A part ends at a blank, but the value of a field not between quotes.
_PART = re.compile(
    rf'(?P<minus>-(?=[^\s-]))?(?:(?P<field>{"|".join(FIELDS)}):(?P<value>(?:"[^"]*(?:"|$)|[^\s"])+)'
    r'|"(?P<phrase>[^"]*)(?:"|$)|(?P<words>[^\s"]+))',
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"((?:[^"]|"")*)"?')


class Term(NamedTuple):
    """Words of a query that are found together, all in one text or each in any.

    Attributes:
        words: The folded words.
        joined: The words as one word, if only their case separates them.
        in_a_row: Whether they must follow each other.
        as_written: Whether they stand in quotes, so that neither beginnings of words nor typos count.
        is_last: Whether the last word may be the beginning of a word.
    """

    words: tuple[str, ...]
    joined: str | None = None
    in_a_row: bool = False
    as_written: bool = False
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A query that has been read.

    Attributes:
        text: The query as it was written.
        terms: What must be found.
        without: What must not be found, each as terms that exclude a result if all of them are found.
        fields: The values of each field that is named, any of which must match.
        without_fields: The values of each field that must not match.
    """

    text: str
    terms: Sequence[Term]
    without: Sequence[Sequence[Term]]
    fields: Mapping[str, Sequence[str]]
    without_fields: Mapping[str, Sequence[str]]

    @property
    def has_conditions(self) -> bool:
        """Whether anything must be found or not be found. A text of punctuation alone has no conditions."""
        return bool(self.terms or self.without or self.fields or self.without_fields)


def parse(text: str) -> Query:
    """Returns the query that a text is."""
    terms: dict[Term, None] = {}
    without: list[Sequence[Term]] = []
    fields: dict[str, list[str]] = defaultdict(list)
    without_fields: dict[str, list[str]] = defaultdict(list)
    last: Term | None = None
    for part in _PART.finditer(text):
        is_excluded, last = part["minus"] is not None, None
        if part["field"]:
            of = without_fields if is_excluded else fields
            of[fold(part["field"])].append(part["value"])
            continue
        found = tuple(_phrase(part["phrase"]) if part["words"] is None else _terms(part["words"]))
        if is_excluded:
            without.append(found)
        else:
            terms |= dict.fromkeys(found)
            last = found[-1] if found and not found[-1].as_written else None
    if last:
        # The beginning of a word matches wherever the whole word does.
        del terms[last]
        terms[last._replace(is_last=True)] = None
    return Query(text, tuple(terms), tuple(filter(None, without)), dict(fields), dict(without_fields))


def unquoted(value: str) -> str:
    """Returns the value of a field without the quotes around it."""
    found = _QUOTED.fullmatch(value)
    return found[1].replace('""', '"') if found else value


def _phrase(text: str) -> Iterator[Term]:
    if found := tuple(word.text for word in words(text)):
        yield Term(found, in_a_row=True, as_written=True)


def _terms(text: str) -> Iterator[Term]:
    """Yields the terms of what stands between blanks."""
    row: list[Word] = []
    for run in runs(text):
        is_of_row = is_character(run[0].text)
        if row and not (is_of_row and row[-1].end == run[0].start):
            yield _row(row)
            row = []
        if is_of_row:
            row += run
        else:
            form = joined(run)
            yield Term(tuple(word.text for word in run), form.text if form else None)
    if row:
        yield _row(row)


def _row(row: Sequence[Word]) -> Term:
    return Term(tuple(word.text for word in row), in_a_row=True)
