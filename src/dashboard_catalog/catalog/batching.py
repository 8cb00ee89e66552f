"""Turns concurrent calls into batches: calls that arrive while a batch runs wait for the next one, together."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context
from typing import Generic, TypeVar

from opentelemetry.trace import Span

from dashboard_catalog.errors import CatalogError
from dashboard_catalog.metrics.declared import BatchMetrics
from dashboard_catalog.store.driver_errors import DatabaseUnavailable
from dashboard_catalog.tracing.spans import Spans, current, recorded_span

I = TypeVar("I")  # noqa: E741 - item
O = TypeVar("O")  # noqa: E741 - outcome

_Waiting = tuple[I, asyncio.Future[O], float, Span | None]
"""An item, its answer, the time at which it began to wait, and the span of its call if that is recorded."""


class CallBatcher(Generic[I, O]):
    """Runs the items of concurrent calls in batches, one batch at a time per key.

    A batch starts when no more items arrive: after some turns of the event loop without another item. gRPC takes in
    one call per turn, so callers that were answered together come back one by one; a turn in which nothing happens
    takes microseconds. A lone caller does not wait: if the batch before held a single item of the same key and nobody
    was waiting when it ended, the next batch starts with its first item.

    Args:
        run: Runs a batch and returns one answer per item, in the order of the items. If it raises, the exception is
            the answer to every item.
        same_batch: Returns a value that all items of one batch must share.
        max_items: Maximum number of items in a batch.
        idle_turns: Number of turns without another item after which a batch starts.
        part_of: Returns which part of the data an item needs. If a part is away, each runs again by itself.
        kind: What metrics and spans call the batches: read or write.
        metrics: Measures the batches, if anything does.
        spans: Makes the spans of batches, if there are any.
    """

    def __init__(
        self,
        run: Callable[[Sequence[I]], Awaitable[Sequence[O]]],
        same_batch: Callable[[I], Hashable],
        max_items: int = 500,
        idle_turns: int = 150,
        *,
        part_of: Callable[[I], Hashable] = lambda _: None,
        kind: str = "write",
        metrics: BatchMetrics | None = None,
        spans: Spans | None = None,
    ) -> None:
        self._run = run
        self._same_batch = same_batch
        self._part_of = part_of
        self._max_items = max_items
        self._idle_turns = idle_turns
        self._spans = spans
        self._name = f"{kind} batch"
        self._measures = (metrics.calls.labels(kind), metrics.wait.labels(kind)) if metrics else None
        # Key of the last batch, if it was a lone caller's.
        self._lone: Hashable | None = None
        self._waiting: dict[Hashable, deque[_Waiting[I, O]]] = {}
        self._working: set[asyncio.Task[None]] = set()

    async def submit(self, key: Hashable, item: I) -> O:
        """Runs an item in a batch with others of its key and returns its answer.

        The item of a cancelled caller stays in a batch that runs: it may have been written already.
        """
        future: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        waiting = (item, future, time.perf_counter(), None if self._spans is None else recorded_span())
        queue = self._waiting.get(key)
        if queue is None:
            self._waiting[key] = deque([waiting])
            # In an empty context: what a batch logs concerns all of its calls, not the one that started it.
            task = asyncio.create_task(self._work(key), context=Context())
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        else:
            queue.append(waiting)
        return await future

    async def _work(self, key: Hashable) -> None:
        queue = self._waiting[key]
        while queue:
            await self._gather(queue, 1 if self._lone == key else self._max_items)
            batch = self._next(queue)
            if batch:
                if self._measures:
                    calls, wait = self._measures
                    calls.observe(len(batch))
                    wait.observe(time.perf_counter() - batch[0][2])
                await self._answer(batch)
            self._lone = key if len(batch) == 1 and not queue else None
        del self._waiting[key]

    async def _gather(self, queue: deque[_Waiting[I, O]], enough: int) -> None:
        """Returns when items have stopped arriving, or there are enough: larger batches cost less per item."""
        idle, arrived = 0, len(queue)
        while idle < self._idle_turns and arrived < enough:
            await asyncio.sleep(0)
            idle = idle + 1 if len(queue) == arrived else 0
            arrived = len(queue)

    def _next(self, queue: deque[_Waiting[I, O]]) -> list[_Waiting[I, O]]:
        """Takes the items of the next batch from the front of the queue, without those of cancelled callers.

        Callers who cancel could have any number of items in the queue.
        """
        batch: list[_Waiting[I, O]] = []
        shared: Hashable = None
        while queue and len(batch) < self._max_items:
            item, future, *_ = queue[0]
            if not future.cancelled():
                same = self._same_batch(item)
                if batch and same != shared:
                    break
                shared = same
                batch.append(queue[0])
            queue.popleft()
        return batch

    async def _answer(self, batch: Sequence[_Waiting[I, O]]) -> None:
        """Runs a batch and passes each caller its answer."""
        try:
            with nullcontext() if self._spans is None else self._traced(self._spans, batch):
                answers = await self._run([item for item, *_ in batch])
        except Exception as error:  # noqa: BLE001 - the callers' to handle
            # A bug that one item triggers must not fail the others.
            if len(batch) > 1 and not isinstance(error, CatalogError):
                for one in batch:
                    await self._answer([one])
                return
            parts = self._parts(batch) if isinstance(error, DatabaseUnavailable) and error.is_partial else []
            if len(parts) > 1:
                # Together, because a node that does not answer may take as long as all others.
                await asyncio.gather(*map(self._answer, parts))
                return
            for _, future, *_ in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future, *_), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

    def _parts(self, batch: Sequence[_Waiting[I, O]]) -> list[list[_Waiting[I, O]]]:
        parts: dict[Hashable, list[_Waiting[I, O]]] = defaultdict(list)
        for one in batch:
            parts[self._part_of(one[0])].append(one)
        return list(parts.values())

    def _traced(self, spans: Spans, batch: Sequence[_Waiting[I, O]]) -> AbstractContextManager[None]:
        """Returns a block with the span of a batch, if any of its calls is recorded."""
        span = spans.of_batch(self._name, [caller for *_, caller in batch])
        return nullcontext() if span is None else current(span)
