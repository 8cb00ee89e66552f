"""The spool gives back every item that a format yields, or says why it cannot."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.sources.items.found import FoundItem
from dashboard_catalog.sources.items.item_files import spool
from dashboard_catalog.sources.kinds import Kind

NUMBERS = st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
BODIES = st.none() | st.dictionaries(st.text(max_size=3), VALUES, max_size=3)
ITEMS = st.builds(
    FoundItem,
    place=st.text(),
    kind=st.none() | st.sampled_from(Kind),
    body=BODIES,
    problem=st.none() | st.text(),
    dropped=st.lists(st.text(), max_size=2).map(tuple),
)


@given(st.lists(ITEMS, max_size=5))
def test_items_are_what_they_were_each_time(tmp_path_factory: Any, items: list[FoundItem]) -> None:
    spooled = spool(iter(items), tmp_path_factory.getbasetemp() / "spool", "x", lambda _count: None)
    assert list(spooled.items()) == list(spooled.items()) == items


def test_what_json_cannot_have_is_a_problem_of_one_item(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"x": deep}
    bad = [FoundItem("bad", Kind.CHART, {"name": value}) for value in ({1, 2}, b"x", deep, {(1, 2): 3})]
    fine = FoundItem("fine", Kind.CHART, {"name": "\ud800"})
    problem = "has values that JSON cannot have, or is nested too deeply"
    spooled = spool([*bad, fine], tmp_path / "spool", "x", lambda _count: None)
    assert list(spooled.items()) == [*[FoundItem("bad", problem=problem)] * 4, fine]


def test_progress_is_said_now_and_then(tmp_path: Path) -> None:
    said: list[int] = []
    spool((FoundItem(str(number)) for number in range(2_500)), tmp_path / "spool", "x", said.append)
    assert said == [1_000, 2_000]
