"""What recurs is computed once, within bounds."""

from dashboard_catalog.catalog.model import recurring
from dashboard_catalog.catalog.model.recurring import Recurring


def test_a_result_is_computed_once() -> None:
    asked: list[tuple[str, ...]] = []
    known = Recurring(asked.append)
    known["a", "b"], known["a", "b"], known["a", "c"]
    assert asked == [("a", "b"), ("a", "c")]


def test_long_texts_are_not_remembered() -> None:
    known: Recurring[tuple[str, ...], int] = Recurring(lambda texts: len(texts[0]))
    assert known["a" * 600, "b" * 600] == 600
    assert len(known) == 0


def test_no_more_is_remembered_than_fits_into_memory() -> None:
    known: Recurring[tuple[str, ...], str] = Recurring(lambda texts: texts[0])
    for number in range(3 * recurring._REMEMBERED):
        assert known[str(number),] == str(number)
        assert len(known) <= recurring._REMEMBERED
