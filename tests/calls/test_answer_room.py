"""The room for large answers is shared, and what is given back goes to whoever has waited longest."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from dashboard_catalog.calls.answer_room import AnswerRoom, CallRoom
from dashboard_catalog.errors import CatalogError
from dashboardcatalog.v1.dashboard_service_pb2 import UpsertDashboardResponse

MIB = 2**20


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
    assert refused.value.metadata == {"limit": "10", "scope": "large_answers"}

    waiting = asyncio.create_task(room.take("bob", 1))
    admitted = asyncio.create_task(room.take("cat", 1))
    await turns()
    waiting.cancel()
    room.give_back("ann", 10)
    # It has been let in, but does not know yet.
    admitted.cancel()
    await asyncio.gather(waiting, admitted, return_exceptions=True)
    assert (room._free, dict(room._taken), len(room._waiting)) == (10, {}, 0)


async def test_an_answer_larger_than_expected_is_built_again_when_there_is_room() -> None:
    room = AnswerRoom(total=16 * MIB, share=16 * MIB, wait_seconds=0.01)
    ended: list[Any] = []
    context: Any = SimpleNamespace(
        call=SimpleNamespace(principal=SimpleNamespace(subject="ann")), when_done=ended.append
    )
    call = CallRoom(room, context)
    built: list[int] = []

    async def build() -> UpsertDashboardResponse:
        # What it expects to need. The second time, there is enough.
        await call.take(MIB // 2)
        call.keep(0)
        built.append(room._taken["ann"])
        return UpsertDashboardResponse(kept_fields=["x" * 3 * MIB])

    await room.take("bob", 5 * MIB)
    with pytest.raises(CatalogError, match="too many large answers"):
        await call.hold(build)
    assert (built, room._taken) == ([0], {"bob": 5 * MIB})

    call, built[:] = CallRoom(room, context), []
    # After a write, it waits as long as it must.
    waiting = asyncio.create_task(call.hold(build, patient=True))
    await asyncio.sleep(0.05)
    assert (built, room._taken) == ([0], {"bob": 5 * MIB})
    room.give_back("bob", 5 * MIB)
    size = (await waiting).ByteSize()
    assert (built, room._taken) == ([0, 4 * size], {"ann": size})
    call.leave()
    assert room._taken == {}
    await room.take("ann", MIB)
    for callback in ended:
        callback()
    # Nothing is given back twice.
    assert room._taken == {"ann": MIB}


async def test_what_a_call_takes_twice_it_gives_back_twice() -> None:
    room = AnswerRoom(total=16 * MIB, share=16 * MIB)
    ended: list[Any] = []
    context: Any = SimpleNamespace(
        call=SimpleNamespace(principal=SimpleNamespace(subject="ann")), when_done=ended.append
    )
    call = CallRoom(room, context)
    await call.take(MIB)
    await call.take(MIB)
    for end in ended:
        end()
    assert (room._free, dict(room._taken)) == (16 * MIB, {})
