"""The room for large answers is shared, and what is given back goes to whoever has waited longest."""

import asyncio

import pytest

from dashboard_catalog.errors import CatalogError
from dashboard_catalog.rpc.answer_room import AnswerRoom


async def turns() -> None:
    """Lets tasks go on as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_whoever_waits_longest_comes_first_and_nobody_takes_more_than_a_share() -> None:
    room = AnswerRoom(total=10, share=6)
    await room.take("ann", 6)
    waiting = {name: asyncio.create_task(room.take(*name)) for name in (("ann", 1), ("bob", 5), ("cat", 4), ("bob", 1))}
    await turns()

    # There are 4 left. Ann has her share, Bob's answer is too large, Cat's fits.
    assert [name for name, task in waiting.items() if task.done()] == [("cat", 4)]
    room.give_back("cat", 4)
    await turns()
    assert [name for name, task in waiting.items() if task.done()] == [("cat", 4), ("bob", 1)]
    room.give_back("ann", 6)
    await asyncio.gather(*waiting.values())
    for name, size in (("ann", 1), ("bob", 5), ("bob", 1)):
        room.give_back(name, size)
    await room.take("dan", 6)
    assert room._taken == {"dan": 6}


async def test_an_answer_that_waits_too_long_or_is_cancelled_takes_nothing() -> None:
    room = AnswerRoom(total=10, share=10, wait_seconds=0.01)
    await room.take("ann", 10)

    with pytest.raises(CatalogError) as refused:
        await room.take("bob", 1)
    assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS")
    assert refused.value.retry_after

    waiting = asyncio.create_task(room.take("bob", 1))
    admitted = asyncio.create_task(room.take("cat", 1))
    await turns()
    waiting.cancel()
    room.give_back("ann", 10)
    # It has been let in, but does not know yet.
    admitted.cancel()
    await asyncio.gather(waiting, admitted, return_exceptions=True)
    assert (room._free, dict(room._taken), len(room._waiting)) == (10, {}, 0)
