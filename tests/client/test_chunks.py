"""Packing: chunks keep to the limits, group by BI service, and lose or reorder nothing within one."""

from collections import defaultdict
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.client import chunks
from dashboard_catalog.client.chunks import MAX_BYTES, MAX_ITEMS, Item, chunks_of
from dashboards.v1 import bulk_pb2

MESSAGE = bulk_pb2.BulkUpsertItem()


def item(place: int, service: str = "s", size: int = 100, stage: str = "chart") -> Item:
    return Item(str(place), stage, service, MESSAGE, size)


def test_nothing_makes_no_chunk() -> None:
    assert list(chunks_of([])) == []


def test_one_service_fills_chunks_in_order() -> None:
    made = list(chunks_of(item(place) for place in range(2_500)))
    assert [len(chunk) for chunk in made] == [1_000, 1_000, 500]
    assert [one.place for chunk in made for one in chunk] == [str(place) for place in range(2_500)]


def test_a_chunk_ends_before_its_bytes_are_too_many() -> None:
    made = list(chunks_of(item(place, size=MAX_BYTES // 3) for place in range(7)))
    assert [len(chunk) for chunk in made] == [3, 3, 1]


def test_stages_share_no_chunk_and_keep_their_order() -> None:
    stages = ["entity"] * 3 + ["chart"] * 2 + ["dashboard"]
    made = list(chunks_of(item(place, stage=stage) for place, stage in enumerate(stages)))
    assert [{one.stage for one in chunk} for chunk in made] == [{"entity"}, {"chart"}, {"dashboard"}]


def test_services_that_alternate_are_grouped() -> None:
    made = list(chunks_of(item(place, service=f"s{place % 3}") for place in range(6_000)))
    assert [len({one.service for one in chunk}) for chunk in made] == [1] * 6


def test_many_small_services_share_chunks() -> None:
    made = list(chunks_of(item(place, service=f"s{place}") for place in range(3_000)))
    assert [len(chunk) for chunk in made] == [1_000, 1_000, 1_000]


def test_a_chunk_is_ready_before_all_is_read() -> None:
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
    given_items.sort(key=lambda one: one[2])
    items = [item(place, *one) for place, one in enumerate(given_items)]
    made = list(chunks_of(items))
    sent = defaultdict(list)
    for chunk in made:
        assert 0 < len(chunk) <= MAX_ITEMS
        assert sum(one.size for one in chunk) <= MAX_BYTES
        services = [one.service for one in chunk]
        assert len(list(groupby(services))) == len(set(services))
        for one in chunk:
            sent[one.stage, one.service].append(one.place)
    assert sum(map(len, made)) == len(items)
    for (stage, service), places in sent.items():
        assert places == [one.place for one in items if (one.stage, one.service) == (stage, service)]
