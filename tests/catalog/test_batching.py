"""Concurrent calls share a batch, and each caller gets its own result, whatever happens to the others."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.batching import CallBatcher
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.driver_errors import DatabaseUnavailable
from tests.patience import PATIENCE


class Work:
    """Squares numbers in batches once `let` is set, and fails for the given numbers.

    Attributes:
        batches: The batches that ran, in order.
    """

    def __init__(
        self,
        mistakes: Sequence[int] = (),
        unavailable: Sequence[int] = (),
        seconds: float = 0,
        *,
        is_partial: bool = False,
    ) -> None:
        self.batches: list[list[int]] = []
        self.let = asyncio.Event()
        self._mistakes = mistakes
        self._unavailable = unavailable
        self._seconds = seconds
        self._is_partial = is_partial

    async def run(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.let.wait()
        if self._seconds:
            await asyncio.sleep(self._seconds)
        if set(items) & set(self._mistakes):
            raise ZeroDivisionError
        if set(items) & set(self._unavailable):
            raise DatabaseUnavailable("away", is_partial=self._is_partial)
        return [item * item for item in items]


def _batcher(work: Work, max_items: int = 500, idle_turns: int = 0) -> CallBatcher[int, int]:
    """Returns a batcher whose batches contain either only negative items or only others."""
    return CallBatcher(work.run, lambda item: item < 0, max_items, idle_turns)


async def _submitted(batcher: CallBatcher[int, int], *items: int, key: str = "a") -> list[asyncio.Task[int]]:
    """Submits items one after the other and returns the futures of their results."""
    tasks = []
    for item in items:
        tasks.append(asyncio.create_task(batcher.submit(key, item)))
        await asyncio.sleep(0)
    return tasks


async def test_items_that_arrive_during_a_batch_form_the_next_one() -> None:
    work = Work()
    tasks = await _submitted(_batcher(work), *range(6))
    work.let.set()

    assert await asyncio.gather(*tasks) == [0, 1, 4, 9, 16, 25]
    assert work.batches == [[0], [1, 2, 3, 4, 5]]


async def test_a_batch_waits_while_items_keep_arriving() -> None:
    work = Work()
    work.let.set()
    batcher = _batcher(work, idle_turns=3)
    together = await _submitted(batcher, *range(10))
    await asyncio.gather(*together)
    alone = await _submitted(batcher, 10)

    assert await asyncio.gather(*together, *alone) == [item * item for item in range(11)]
    assert work.batches == [list(range(10)), [10]]


async def test_a_lone_caller_waits_for_others_only_once() -> None:
    work = Work()
    work.let.set()
    batcher = _batcher(work, idle_turns=200)
    await asyncio.gather(*await _submitted(batcher, 0))
    again = await _submitted(batcher, 1)
    for _ in range(5):
        await asyncio.sleep(0)

    assert work.batches == [[0], [1]]
    assert await asyncio.gather(*again) == [1]


async def test_a_single_item_does_not_wait_for_others() -> None:
    work = Work()
    work.let.set()
    batcher = _batcher(work)

    assert [await batcher.submit("a", item) for item in range(3)] == [0, 1, 4]
    assert work.batches == [[0], [1], [2]]


async def test_keys_are_independent() -> None:
    work = Work()
    batcher = _batcher(work)
    tasks = [*await _submitted(batcher, 1, 2, key="a"), *await _submitted(batcher, 3, 4, key="b")]
    await asyncio.sleep(0)
    assert work.batches == [[1], [3]]
    work.let.set()

    assert await asyncio.gather(*tasks) == [1, 4, 9, 16]
    assert work.batches == [[1], [3], [2], [4]]


async def test_items_that_cannot_share_a_batch_run_in_order() -> None:
    work = Work()
    tasks = await _submitted(_batcher(work), 0, 1, 2, -3, -4, 5)
    work.let.set()

    await asyncio.gather(*tasks)
    assert work.batches == [[0], [1, 2], [-3, -4], [5]]


async def test_a_batch_has_a_maximum_size() -> None:
    work = Work()
    tasks = await _submitted(_batcher(work, max_items=2), *range(6))
    work.let.set()

    await asyncio.gather(*tasks)
    assert work.batches == [[0], [1, 2], [3, 4], [5]]


async def test_a_bug_that_one_item_triggers_fails_only_that_item() -> None:
    work = Work(mistakes=[2])
    tasks = await _submitted(_batcher(work), *range(4))
    work.let.set()

    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) if isinstance(answer, Exception) else answer for answer in answers] == [
        0, 1, ZeroDivisionError, 9,
    ]  # fmt: skip
    assert work.batches == [[0], [1, 2, 3], [1], [2], [3]]


async def test_an_unavailable_database_fails_all_items_of_a_batch() -> None:
    work = Work(unavailable=[2])
    tasks = await _submitted(_batcher(work), *range(4))
    work.let.set()

    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[0] == 0
    assert all(isinstance(answer, CatalogError) for answer in answers[1:])
    assert work.batches == [[0], [1, 2, 3]]


async def test_a_part_of_the_database_that_is_away_fails_only_the_items_that_need_it() -> None:
    work = Work(unavailable=[2], is_partial=True)
    batcher = CallBatcher(work.run, lambda _: None, part_of=lambda item: item % 2)
    tasks = await _submitted(batcher, *range(5))
    work.let.set()

    answers = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [place for place, answer in enumerate(answers) if isinstance(answer, DatabaseUnavailable)]
    assert failed == [0, 2, 4]
    assert work.batches == [[0, 1, 2, 3, 4], [0, 2, 4], [1, 3]]


async def test_no_part_waits_for_one_that_does_not_answer() -> None:
    answered = asyncio.Event()

    async def run(items: Sequence[int]) -> Sequence[int]:
        if items == [1]:
            answered.set()
            return items
        if items == [0]:
            await answered.wait()
        raise DatabaseUnavailable("away", is_partial=True)

    batcher = CallBatcher(run, lambda _: None, part_of=lambda item: item)
    async with asyncio.timeout(PATIENCE):
        away, there = await asyncio.gather(*await _submitted(batcher, 0, 1), return_exceptions=True)
    assert isinstance(away, DatabaseUnavailable)
    assert there == 1


async def test_a_cancelled_caller_does_not_affect_the_others() -> None:
    work = Work()
    batcher = _batcher(work)
    tasks = await _submitted(batcher, *range(4))
    tasks[0].cancel()
    tasks[2].cancel()
    await asyncio.sleep(0)
    work.let.set()

    assert [await tasks[1], await tasks[3]] == [1, 9]
    # The first item was in a batch that ran already.
    assert work.batches == [[0], [1, 3]]
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert await batcher.submit("a", 5) == 25


async def _again(batcher: CallBatcher[int, int], key: str, item: int, times: int, late: int = -1) -> None:
    """Submits an item again after each result, a few turns later, as gRPC accepts calls."""
    for time in range(times):
        await asyncio.sleep(0.005 if time == late else 0)
        for _ in range(item):
            await asyncio.sleep(0)
        await batcher.submit(key, item)


async def test_a_lone_caller_of_one_key_does_not_split_the_batches_of_another() -> None:
    work = Work(seconds=0.003)
    work.let.set()
    batcher = _batcher(work, idle_turns=150)

    await asyncio.gather(_again(batcher, "lone", 100, 20), *[_again(batcher, "crowd", item, 10) for item in range(20)])

    assert [len(batch) for batch in work.batches if 100 not in batch] == [20] * 10


async def test_a_caller_that_was_late_once_joins_the_others_again() -> None:
    work = Work(seconds=0.003)
    work.let.set()
    batcher = _batcher(work, idle_turns=150)

    await asyncio.gather(_again(batcher, "a", 1, 20), _again(batcher, "a", 2, 20, late=5))

    assert [len(batch) for batch in work.batches[-8:-3]] == [2] * 5


async def test_finished_keys_leave_nothing_behind() -> None:
    work = Work(mistakes=[3])
    work.let.set()
    batcher = _batcher(work)
    await asyncio.gather(*[batcher.submit(f"key {n}", n) for n in range(50)], return_exceptions=True)
    await asyncio.sleep(0)

    assert (len(batcher._waiting), len(batcher._working)) == (0, 0)


@given(
    items=st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 5)), max_size=30),
    max_items=st.integers(1, 4),
    pauses=st.sets(st.integers(0, 30)),
)
def test_every_caller_gets_its_own_result_whatever_the_timing(
    items: list[tuple[str, int]], max_items: int, pauses: set[int]
) -> None:
    async def ask() -> None:
        work = Work(mistakes=[3])
        work.let.set()
        batcher = _batcher(work, max_items)
        tasks = []
        for place, (key, item) in enumerate(items):
            tasks.append(asyncio.create_task(batcher.submit(key, item)))
            if place in pauses:
                await asyncio.sleep(0)
        answers = await asyncio.gather(*tasks, return_exceptions=True)

        for (_, item), answer in zip(items, answers, strict=True):
            assert isinstance(answer, ZeroDivisionError) if item == 3 else answer == item * item
        assert all(len(batch) <= max_items and len({item < 0 for item in batch}) == 1 for batch in work.batches)

    asyncio.run(ask())
