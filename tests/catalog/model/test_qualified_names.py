"""Joined names can be split again, and the error for a malformed name says how to quote."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard_catalog.catalog.model.qualified_names import NameSyntaxError, join, quote, segment_meant, split

# Dots and quotes matter most, so they are drawn far more often than by chance.
AWKWARD = st.text(st.sampled_from('."a \n:é'), min_size=1, max_size=8)
NAMES = AWKWARD | st.text(min_size=1)
TEXTS = st.text(st.sampled_from('."ab'), max_size=12)


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("sales", "sales"),
        ("sales by day", "sales by day"),
        ("a.b", '"a.b"'),
        (".", '"."'),
        ('a"b', '"a""b"'),
        ('"', '""""'),
        ('"a"', '"""a"""'),
        ('a".b', '"a"".b"'),
        ("a/b>c", "a/b>c"),
    ],
)
def test_a_segment_with_a_dot_or_a_quote_is_wrapped_and_its_quotes_doubled(name: str, segment: str) -> None:
    assert quote(name) == segment
    assert split(segment) == (name,)


@pytest.mark.parametrize(
    ("text", "segment"),
    [("sales", "sales"), ('"sales"', "sales"), ('"a.b"', '"a.b"'), ('a"', '"a"""')],
)
def test_what_is_no_segment_is_the_raw_name_of_one(text: str, segment: str) -> None:
    assert segment_meant(text) == segment


@given(st.lists(NAMES, min_size=1, max_size=5))
def test_joined_names_split_into_the_same_names(names: list[str]) -> None:
    assert split(join(*names)) == tuple(names)
    assert split(join(*names), len(names)) == tuple(names)


@given(NAMES, NAMES, NAMES, NAMES)
@example("a.b", "c", "a", "b.c")
@example('a"', "b", "a", '"b')
def test_different_names_never_share_a_fully_qualified_name(a: str, b: str, c: str, d: str) -> None:
    assert (join(a, b) == join(c, d)) == ((a, b) == (c, d))


@given(TEXTS)
def test_a_parsed_name_is_joined_in_the_one_canonical_quoting(text: str) -> None:
    try:
        names = split(text)
    except NameSyntaxError:
        return

    joined = join(*names)

    assert all(names)
    assert split(joined) == names
    assert join(*split(joined)) == joined


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_needless_quotes_are_accepted_and_dropped(names: list[str]) -> None:
    needless = ".".join('"' + name.replace('"', '""') + '"' for name in names)

    assert join(*split(needless)) == join(*names)


@given(NAMES)
def test_a_name_is_never_normalized(name: str) -> None:
    assert split(quote(name))[0].encode("utf-8", "surrogatepass") == name.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", '""', 'a.""', '"', 'a"b', '"a', 'a"', '"a"b', '"a""', '"a".', '"a"."b', 'a."b"c'],
)
def test_an_error_for_a_malformed_name_shows_the_text_and_how_to_quote(text: str) -> None:
    with pytest.raises(NameSyntaxError) as refused:
        split(text)

    assert str(refused.value).startswith(text)
    assert 'quote a segment that contains a dot or a quote: service."sales.by day"' in str(refused.value)


@pytest.mark.parametrize(("text", "wanted", "found"), [("a", 2, 1), ("a.b.c", 2, 3), ("a.b", 1, 2), ('"a.b"', 2, 1)])
def test_a_wrong_number_of_segments_is_refused(text: str, wanted: int, found: int) -> None:
    with pytest.raises(NameSyntaxError, match=rf"must have {wanted} segments?, has {found};"):
        split(text, wanted)

    assert len(split(text, found)) == found


def test_a_long_text_is_shortened_in_the_error() -> None:
    with pytest.raises(NameSyntaxError) as refused:
        split('"' + "a" * 10_000)

    assert len(str(refused.value)) < 300
