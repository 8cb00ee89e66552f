import re
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard_catalog.index import words as words_module
from dashboard_catalog.index.words import GAP, MAX_WORD, fold, indexed, joined, names_of, runs, words

# Everything that a request can hold, often with what splits words.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("aAsSzZ09_.-/ é売かﾞ한\u1112\u1161\u0301"))


def split(text: str) -> list[str]:
    return [word.text for word in words(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("salesByRegion_v2", "sales by region v 2"),
        ("HTTPServerLog", "http server log"),
        ("KPIs of VMs", "kpi s of vm s"),
        ("a.b-c/d e,f", "a b c d e f"),
        ("Café CAFÉ cafe\u0301", "cafe cafe cafe"),
        ("Łódź Straße", "lodz strasse"),
        ("ＡＢＣ１２", "abc 12"),
        ("売上ダッシュ", "売 上 ダ ッ シ ュ"),
        ("ｶﾞか\u3099", "ガ が"),
        ("한국", "한 국"),
        (normalize("NFD", "한국"), "한 국"),
        ("ПродажиПоРегионам", "продажи по регионам"),
        ("हिन्दी", "हिन्दी"),
        ("📊 sales™", "📊 sales tm"),
        ("--- ...", ""),
    ],
)
def test_splits_and_folds(text: str, found: str) -> None:
    assert split(text) == found.split()


@pytest.mark.parametrize(
    ("text", "forms"),
    [("salesByRegion_v2", ["salesbyregion"]), ("HTTPServer2Log", ["httpserver"]), ("sales_by_region", [])],
)
def test_joins_what_case_alone_splits(text: str, forms: list[str]) -> None:
    assert [form.text for run in runs(text) if (form := joined(run))] == forms
    assert indexed(text).partition(f" {GAP} ")[2].split() == forms


def test_positions_are_code_points_of_the_text_as_it_is_written() -> None:
    text = "📊 cafe\u0301Sales ｶﾞ"
    assert [text[word.start : word.end] for word in words(text)] == ["📊", "cafe\u0301", "Sales", "ｶﾞ"]


@given(TEXTS)
@example("\ufdfa")  # Folds into four words.
@example("\u1e9e\u0345\u03f4")
def test_any_text_can_be_split_and_folded(text: str) -> None:
    found = words(text)
    ends = [0, *(word.end for word in found)]
    assert all(end <= word.start < word.end <= len(text) for end, word in zip(ends, found, strict=False))
    assert all(word.text and not set(word.text) & {" ", GAP} and len(word.text) <= MAX_WORD for word in found)
    assert fold(fold(text)) == fold(text)
    assert all(names_of(text)) or not text.split()


@given(st.text(st.characters(max_codepoint=127), max_size=300) | st.just("a" * 200 + "B" * 200))
def test_texts_in_ascii_are_indexed_like_others(text: str) -> None:
    quick = indexed(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words_module, "_LONG", re.compile(""))
        assert quick == indexed(text)


@given(TEXTS)
def test_case_and_composition_make_no_other_words(text: str) -> None:
    assert "".join(split(normalize("NFC", text))) == "".join(split(normalize("NFD", text)))
