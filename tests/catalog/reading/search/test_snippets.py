from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.reading.search.query import parse
from dashboard_catalog.catalog.reading.search.snippets import MAX_SNIPPET, Highlighter

TEXTS = st.lists(
    st.sampled_from(["sales", "byRegion", "salesByRegion", " ", "_", "売上", "é", "e\u0301", "x" * 150, "📊"]),
    max_size=40,
).map("".join)


def matched(query: str, text: str, *, typos: bool = False) -> list[str]:
    snippet = Highlighter(parse(query), typos=typos).snippet("name", text)
    return [snippet.text[start:end] for start, end in snippet.ranges] if snippet else []


def test_words_beginnings_joined_forms_and_phrases_are_shown() -> None:
    text = "Sales by region: salesByRegion_v2, regional sales"
    assert matched("sales", text) == ["Sales", "sales", "sales"]
    assert matched("sales region", text) == ["Sales", "region", "sales", "Region", "regional", "sales"]
    assert matched("salesbyreg", text) == ["salesByRegion"]
    assert matched('"by region"', text) == ["by region", "ByRegion"]
    assert matched('"regional" -sales', text) == ["regional"]
    assert matched("東京売上", "東京売上、東京") == ["東京売上"]
    assert matched("owner:ann -sales", text) == []


def test_near_misses_are_shown_only_if_they_were_looked_for() -> None:
    assert matched("reigon", "Sales by Region") == []
    assert matched("reigon", "Sales by Region", typos=True) == ["Region"]
    assert matched('"reigon"', "Sales by Region", typos=True) == []


def test_a_long_text_is_shown_where_most_of_it_matches() -> None:
    text = f"Sales {'x ' * 200} the sales by region and the sales by month {'y ' * 200}"
    snippet = Highlighter(parse("sales by month"), typos=False).snippet("description", text)
    assert snippet
    assert len(snippet.text) <= MAX_SNIPPET
    assert "the sales by region and the sales by month" in snippet.text
    assert len(snippet.ranges) == 5


@given(st.text() | TEXTS, TEXTS, st.booleans())
def test_ranges_are_parts_of_the_snippet(query: str, text: str, typos: bool) -> None:
    snippet = Highlighter(parse(query), typos=typos).snippet("name", text)
    if snippet:
        ends = [0, *(each.end for each in snippet.ranges)]
        assert snippet.text in text
        assert len(snippet.text) <= MAX_SNIPPET
        assert snippet.ranges
        assert all(
            end <= one.start < one.end <= len(snippet.text) for end, one in zip(ends, snippet.ranges, strict=False)
        )
