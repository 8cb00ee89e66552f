"""The spool gives back every item that a format yields, or says why it cannot."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.item_files import Spool, fill
from dashboard_catalog.sources.kinds import Kind

NUMBERS = st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
KINDS = st.sampled_from(Kind)
BODIES = st.dictionaries(st.text(max_size=3), VALUES, max_size=3)
DROPPED = st.lists(st.text(), max_size=2).map(tuple)
ITEMS = st.builds(FoundItem, place=st.text(), kind=KINDS, body=BODIES, dropped=DROPPED)
BAD_ITEMS = st.builds(BadItem, st.text(), st.text(), st.none() | KINDS, st.none() | BODIES)


def spooled(folder: Path, items: Iterable[Found]) -> Spool:
    spool = Spool("x", folder / "spool", has_all_charts=True)
    fill(spool, items, lambda _count: None)
    return spool


@given(st.lists(ITEMS | BAD_ITEMS, max_size=5))
def test_items_are_what_they_were_each_time(tmp_path_factory: Any, items: list[Found]) -> None:
    spool = spooled(tmp_path_factory.getbasetemp(), iter(items))
    assert list(spool.items()) == list(spool.items()) == items


def test_what_json_cannot_have_is_a_problem_of_one_item(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"x": deep}
    bad = [FoundItem("bad", Kind.CHART, {"name": value}) for value in ({1, 2}, b"x", deep, {(1, 2): 3})]
    fine = FoundItem("fine", Kind.CHART, {"name": "\ud800"})
    problem = "has values that JSON cannot have, or is nested too deeply"
    assert list(spooled(tmp_path, [*bad, fine]).items()) == [*[BadItem("bad", problem)] * 4, fine]


def test_progress_is_said_now_and_then(tmp_path: Path) -> None:
    said: list[int] = []
    items = (BadItem(str(number), "is bad") for number in range(2_500))
    fill(Spool("x", tmp_path / "spool", has_all_charts=True), items, said.append)
    assert said == [1_000, 2_000]
