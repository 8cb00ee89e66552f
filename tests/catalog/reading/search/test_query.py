import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.reading.search.query import FIELDS, Term, parse, unquoted
from dashboard_catalog.index.words import words

SYNTAX = st.sampled_from(['"', "-", ":", " ", "owner:", "TAG:", "x:", "売上", "aB", "v2", "\u3000", "'", "\\"])
QUERIES = st.lists(SYNTAX | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=30).map("".join)


def terms(text: str) -> list[str]:
    """Returns the terms of a query as text: joined forms after =, words in a row after &, a beginning with a star."""
    return [_shown(term) for term in parse(text).terms]


def _shown(term: Term) -> str:
    text = ("&" if term.in_a_row else "+").join(term.words) + (f"={term.joined}" if term.joined else "")
    return (f'"{text}"' if term.as_written else text) + ("*" if term.is_last else "")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("revenue by region", ["revenue", "by", "region*"]),
        ("salesByRegion_v2", ["sales+by+region=salesbyregion", "v", "2*"]),
        ('"Sales by Region" v', ['"sales&by&region"', "v*"]),
        ('revenue "by region', ["revenue", '"by&region"']),
        ('a"b c"d', ["a", '"b&c"', "d*"]),
        ("sales sales", ["sales*"]),
        ("売上Report", ["売&上", "report*"]),
        ("売上 東京", ["売&上", "東&京*"]),
        ("http://host/path", ["http", "host", "path*"]),
        ('size:"a b"', ["size", '"a&b"']),
        ("owner: x", ["owner", "x*"]),
        ("sales -old", ["sales"]),
        ("sales - old --x", ["sales", "old", "x*"]),
        ("sales kind:chart", ["sales"]),
        ("?? !!", []),
        ("", []),
    ],
)
def test_words_and_phrases(text: str, found: list[str]) -> None:
    assert terms(text) == found


def test_a_minus_excludes_words_phrases_and_fields() -> None:
    query = parse('-draft -"in progress" -q3_old -tag:PII -tag:"a b" sales -')
    assert [[_shown(term) for term in each] for each in query.without] == [
        ["draft"],
        ['"in&progress"'],
        ["q", "3", "old"],
    ]
    assert query.without_fields == {"tag": ["PII", '"a b"']}
    assert [_shown(term) for term in query.terms] == ["sales"]


def test_fields_have_values_with_quotes_and_colons() -> None:
    query = parse('owner:user:ann Owner:"Ann Lee" tag:PII."a.b" domain:"open end')
    assert query.fields == {"owner": ["user:ann", '"Ann Lee"'], "tag": ['PII."a.b"'], "domain": ['"open end']}
    assert [unquoted(value) for value in ('"Ann Lee"', '"open end', '"a ""b"""', 'PII."a.b"', "x")] == [
        "Ann Lee",
        "open end",
        'a "b"',
        'PII."a.b"',
        "x",
    ]


@given(QUERIES)
def test_any_text_is_a_query_that_loses_no_word(text: str) -> None:
    query = parse(text)
    found = {word for term in [*query.terms, *(t for each in query.without for t in each)] for word in term.words}
    values = [value for of in (query.fields, query.without_fields) for each in of.values() for value in each]
    known = found | {word.text for value in values for word in words(value)} | set(FIELDS)
    assert {word.text for word in words(text)} <= known
    assert [term.is_last for term in query.terms][:-1] == [False] * (len(query.terms) - 1 if query.terms else 0)
