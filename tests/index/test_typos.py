import pytest

from dashboard_catalog.index.typos import is_near, typos_in


@pytest.mark.parametrize(("word", "typos"), [("abc", 0), ("abcd", 1), ("abcdefg", 1), ("abcdefgh", 2)])
def test_long_words_may_have_typos(word: str, typos: int) -> None:
    assert typos_in(word) == typos


@pytest.mark.parametrize(
    ("word", "other", "typos"),
    [
        ("revenue", "revenue", 0),
        ("revenu", "revenue", 1),
        ("revennue", "revenue", 1),
        ("rexenue", "revenue", 1),
        ("revneue", "revenue", 1),
        ("erveneu", "revenue", 2),
        ("rvenu", "revenue", 2),
        ("abcd", "badc", 2),
        ("abc", "cab", 2),
    ],
)
def test_a_word_is_near_another_one_from_so_many_typos_on(word: str, other: str, typos: int) -> None:
    assert [is_near(word, other, number) for number in range(4)] == [number >= typos for number in range(4)]
    assert is_near(other, word, typos)
