"""Packing: chunks respect the limits, group by BI service, and keep every item of a service in order."""

from collections import defaultdict
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog_client import chunks
from dashboard_catalog_client.chunks import MAX_BYTES, MAX_ITEM_BYTES, MAX_ITEMS, Item, chunks_of, item_of
from dashboardcatalog.v1 import bulk_pb2
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.entity_pb2 import Entity, Tag

MESSAGE = bulk_pb2.BulkUpsertItem()


def item(place: int, service: str = "s", size: int = 100, kind: str = "chart") -> Item:
    return Item(str(place), kind, service, MESSAGE, size)


def test_no_items_make_no_chunk() -> None:
    assert list(chunks_of([])) == []


def test_one_service_fills_chunks_in_order() -> None:
    made = list(chunks_of(item(place) for place in range(2_500)))
    assert [len(chunk) for chunk in made] == [1_000, 1_000, 500]
    assert [one.place for chunk in made for one in chunk] == [str(place) for place in range(2_500)]


def test_a_chunk_ends_before_it_has_too_many_bytes() -> None:
    made = list(chunks_of(item(place, size=MAX_BYTES // 3) for place in range(7)))
    assert [len(chunk) for chunk in made] == [3, 3, 1]


def test_kinds_do_not_share_a_chunk_and_keep_their_order() -> None:
    kinds = ["entity"] * 3 + ["chart"] * 2 + ["dashboard"]
    made = list(chunks_of(item(place, kind=kind) for place, kind in enumerate(kinds)))
    assert [{one.kind for one in chunk} for chunk in made] == [{"entity"}, {"chart"}, {"dashboard"}]


def test_alternating_kinds_are_grouped_in_the_order_of_loading() -> None:
    # The order of a walk through a BI tool: each dashboard before its charts.
    kinds = ["entity", *["dashboard", "chart", "chart", "chart"] * 2_000]
    made = list(chunks_of(item(place, kind=kind) for place, kind in enumerate(kinds)))
    assert [(chunk[0].kind, len(chunk)) for chunk in made] == [
        ("entity", 1),
        *[*[("chart", 1_000)] * 3, ("dashboard", 1_000)] * 2,
    ]


def test_a_full_chunk_is_sent_after_the_items_it_may_refer_to() -> None:
    kinds = ["chart", *["dashboard"] * 1_500, "chart", "entity"]
    made = list(chunks_of(item(place, service=kind, kind=kind) for place, kind in enumerate(kinds)))
    assert [(chunk[0].kind, len(chunk)) for chunk in made] == [
        ("chart", 1),
        ("dashboard", 1_000),
        ("entity", 1),
        ("chart", 1),
        ("dashboard", 500),
    ]


def test_an_item_too_large_for_a_message_is_refused() -> None:
    whole = item_of(DashboardSpec(name="d", service="s", display_name="x" * 5 * 2**20), "line 3")
    sent = whole.sent.dashboard
    assert whole.message.ByteSize() > 5 * 2**20
    assert (sent.name, sent.service, sent.display_name) == ("d", "s", "")
    assert MAX_ITEM_BYTES < whole.sent.ByteSize() <= whole.sent_size
    [tag] = chunks_of([Entity(tag=Tag(name="t", classification="c", description="x" * 5 * 2**20))])
    assert (tag[0].sent.entity.tag.name, tag[0].sent.entity.tag.classification) == ("t", "c")


def test_a_value_that_is_not_an_item_is_refused() -> None:
    with pytest.raises(TypeError, match="str cannot be loaded: give DashboardSpec"):
        list(chunks_of(["s.d"]))


def test_alternating_services_are_grouped() -> None:
    made = list(chunks_of(item(place, service=f"s{place % 3}") for place in range(6_000)))
    assert [len({one.service for one in chunk}) for chunk in made] == [1] * 6


def test_many_small_services_share_chunks() -> None:
    made = list(chunks_of(item(place, service=f"s{place}") for place in range(3_000)))
    assert [len(chunk) for chunk in made] == [1_000, 1_000, 1_000]


def test_a_chunk_is_ready_before_the_source_is_read_to_its_end() -> None:
    read = 0

    def items() -> object:
        nonlocal read
        for place in range(100_000):
            read += 1
            yield item(place, service=f"s{place}")

    next(chunks_of(items()))  # type: ignore[arg-type]
    assert read <= chunks._WINDOW_ITEMS + 1


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(1, MAX_BYTES), st.sampled_from(["chart", "dashboard"])),
        max_size=200,
    )
)
def test_any_items_keep_their_order_within_a_service(given_items: list[tuple[str, int, str]]) -> None:
    items = [item(place, *one) for place, one in enumerate(given_items)]
    made = list(chunks_of(items))
    sent = defaultdict(list)
    for chunk in made:
        assert 0 < len(chunk) <= MAX_ITEMS
        assert sum(one.size for one in chunk) <= MAX_BYTES
        assert len({one.kind for one in chunk}) == 1
        services = [one.service for one in chunk]
        assert len(list(groupby(services))) == len(set(services))
        for one in chunk:
            sent[one.kind, one.service].append(one.place)
    assert sum(map(len, made)) == len(items)
    for (kind, service), places in sent.items():
        assert places == [one.place for one in items if (one.kind, one.service) == (kind, service)]
    # No dashboard overtakes a chart.
    order = [one for chunk in made for one in chunk]
    for at, one in enumerate(order):
        if one.kind == "dashboard":
            assert all(int(later.place) > int(one.place) for later in order[at:] if later.kind == "chart")
