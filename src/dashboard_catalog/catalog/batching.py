"""Concurrent calls become one batch: while one is on its way, those that arrive wait together for the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from dashboard_catalog.errors import CatalogError

I = TypeVar("I")  # noqa: E741 - item
O = TypeVar("O")  # noqa: E741 - outcome

_Waiting = tuple[I, asyncio.Future[O]]


class Grouping(Generic[I, O]):
    """Runs items in batches, one batch at a time for each key.

    Args:
        run: Runs a batch and returns one answer an item, in their order. An exception is the answer of every item.
        same_batch: Says what items of one batch must have in common.
        most: Items in a batch at most.
        idle_turns: Turns of the event loop without another item after which a batch begins; at once where the batch
            before, of the same key, was of one item and nobody waited then, as with a lone caller. Callers that were
            answered together call again one by one, as gRPC takes in one call a turn; turns in which nothing happens
            take microseconds.
    """

    def __init__(
        self,
        run: Callable[[Sequence[I]], Awaitable[Sequence[O]]],
        same_batch: Callable[[I], Hashable],
        most: int = 500,
        idle_turns: int = 150,
    ) -> None:
        self._run = run
        self._same_batch = same_batch
        self._most = most
        self._idle_turns = idle_turns
        # Of the batch before, if a lone caller's.
        self._lone: Hashable | None = None
        self._waiting: dict[Hashable, deque[_Waiting[I, O]]] = {}
        self._working: set[asyncio.Task[None]] = set()

    async def submit(self, key: Hashable, item: I) -> O:
        """Runs an item with others of its key and returns its answer.

        A caller that is cancelled leaves its item in the batch: it may have been written already.
        """
        future: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        queue = self._waiting.get(key)
        if queue is None:
            self._waiting[key] = deque([(item, future)])
            # In no call's context: what is logged on the way is of all of them.
            task = asyncio.create_task(self._work(key), context=Context())
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        else:
            queue.append((item, future))
        return await future

    async def _work(self, key: Hashable) -> None:
        queue = self._waiting[key]
        while queue:
            await self._gather(queue, 1 if self._lone == key else self._most)
            batch = self._next(queue)
            await self._answer(batch)
            self._lone = key if len(batch) == 1 and not queue else None
        del self._waiting[key]

    async def _gather(self, queue: deque[_Waiting[I, O]], enough: int) -> None:
        """Returns when items have stopped arriving, or there are enough: in larger batches each costs less."""
        idle, arrived = 0, len(queue)
        while idle < self._idle_turns and arrived < enough:
            await asyncio.sleep(0)
            idle = idle + 1 if len(queue) == arrived else 0
            arrived = len(queue)

    async def _answer(self, batch: Sequence[_Waiting[I, O]]) -> None:
        try:
            answers = await self._run([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - the callers' to handle
            # A mistake that one item brings to light must not fail the others.
            if len(batch) > 1 and not isinstance(error, CatalogError):
                for one in batch:
                    await self._answer([one])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

    def _next(self, queue: deque[_Waiting[I, O]]) -> list[_Waiting[I, O]]:
        batch = [queue.popleft()]
        kind = self._same_batch(batch[0][0])
        while queue and len(batch) < self._most and self._same_batch(queue[0][0]) == kind:
            batch.append(queue.popleft())
        return batch
