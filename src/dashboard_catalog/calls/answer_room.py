"""The memory for large answers, which all calls of the process share.

An answer takes several times its size while it is built, and its own size until it has been handed to the connection.
A client that does not read keeps its answer that long, and nothing in Python can drop it, so each caller gets only a
share. Small answers take nothing and never wait.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeVar

from dashboard_catalog.calls.call import Call
from dashboard_catalog.catalog.reading.room import SMALL_ANSWER_BYTES
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

# Rows, messages and bytes of the same answer exist side by side while it is built.
_BUILDING = 4


class Answer(Protocol):
    """What is sent to a caller: a message, or a body."""

    def ByteSize(self) -> int:  # noqa: N802 - the name of protobuf
        """Returns its size in bytes."""


M = TypeVar("M", bound=Answer)


class Answered(Protocol):
    """A call that will be answered."""

    @property
    def call(self) -> Call:
        """The call, with its caller."""

    def when_done(self, callback: Callable[[], None]) -> None:
        """Has `callback` called when the call has ended, and its answer has been handed to the connection."""


class _Waiting(NamedTuple):
    subject: str
    size: int
    admitted: asyncio.Future[None]


class AnswerRoom:
    """The room of all answers.

    Args:
        total: Bytes of all large answers.
        share: Bytes of the large answers of one caller, at least those of one answer.
        wait_seconds: How long an answer waits for its room.
    """

    def __init__(
        self,
        total: int = 64 * 2**20,
        share: int = 16 * 2**20,
        wait_seconds: float = 30.0,
    ) -> None:
        self._total = self._free = total
        self._share = share
        self._wait_seconds = wait_seconds
        self._taken: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()

    def of(self, answered: Answered) -> "CallRoom":
        """Returns the room of the answer to one call."""
        return CallRoom(self, answered)

    async def take(self, subject: str, size: int, *, patient: bool = False) -> None:
        """Waits until a caller may have this much more, and takes it.

        Args:
            subject: The caller.
            size: Number of bytes.
            patient: Whether to wait as long as the call lasts.

        Raises:
            CatalogError: RESOURCE_EXHAUSTED if others hold the room for too long.
        """
        if not self._waiting and self._fits(subject, size):
            self._add(subject, size)
            return
        waiting = _Waiting(subject, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._admit()
        try:
            async with asyncio.timeout(None if patient else self._wait_seconds):
                await waiting.admitted
        except BaseException as error:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif not waiting.admitted.cancelled():
                self.give_back(subject, size)
            if isinstance(error, TimeoutError):
                raise _no_room(self._total) from None
            raise

    def give_back(self, subject: str, size: int) -> None:
        """Gives back what has been taken."""
        self._add(subject, -size)
        self._admit()

    def _admit(self) -> None:
        """Lets those in who fit, the longest waiting first."""
        for waiting in list(self._waiting):
            # A call that has been cancelled leaves the queue in its next turn.
            if not waiting.admitted.done() and self._fits(waiting.subject, waiting.size):
                self._waiting.remove(waiting)
                self._add(waiting.subject, waiting.size)
                waiting.admitted.set_result(None)

    def _fits(self, subject: str, size: int) -> bool:
        return size <= self._free and self._taken[subject] + size <= self._share

    def _add(self, subject: str, size: int) -> None:
        self._free -= size
        self._taken[subject] += size
        if not self._taken[subject]:
            del self._taken[subject]


class CallRoom:
    """What the answer to one call takes: the `Room` of its reads."""

    def __init__(self, room: AnswerRoom, answered: Answered) -> None:
        self._room = room
        self._answered = answered
        self._subject = answered.call.principal.subject
        self._taken = 0
        # Known once the answer has been built in vain.
        self._needed = 0

    async def take(self, size: int) -> None:
        """Waits until there is room to build an answer of this size, and takes it for the rest of the call.

        Raises:
            CatalogError: RESOURCE_EXHAUSTED if there is none for a long time.
        """
        if not self._needed:
            await self._take(size * _BUILDING)

    def keep(self, size: int) -> None:
        """Gives back what building an answer of this size does not need."""
        self._shrink(max(size * _BUILDING, self._needed))

    async def hold(self, build: Callable[[], Awaitable[M]], *, patient: bool = False) -> M:
        """Returns an answer that `build` makes, and keeps what it needs until it has been sent.

        Nobody knows the size of an answer before it is built. One that turns out larger than what the call has taken is
        dropped, and built again when there is room for it.

        Args:
            build: Makes the answer. It can do so twice, and takes what it expects to need.
            patient: Whether to wait for room as long as the call lasts: after a write, an error would be misleading.

        Raises:
            CatalogError: RESOURCE_EXHAUSTED if there is no room for a long time.
        """
        answer = await build()
        size = answer.ByteSize()
        if size > max(self._taken, SMALL_ANSWER_BYTES):
            del answer
            # First, so that no two calls wait for what the other one has.
            self._shrink(0)
            self._needed = size * _BUILDING
            await self._take(self._needed, patient=patient)
            answer = await build()
            size = answer.ByteSize()
        self._shrink(size if size > SMALL_ANSWER_BYTES else 0)
        return answer

    def leave(self) -> None:
        """Gives back everything: the call has used the answer, and will send another one."""
        self._shrink(0)

    async def _take(self, size: int, *, patient: bool = False) -> None:
        await self._room.take(self._subject, size, patient=patient)
        self._taken += size
        self._answered.when_done(lambda: self._shrink(0))

    def _shrink(self, size: int) -> None:
        if size < self._taken:
            given_back, self._taken = self._taken - size, size
            self._room.give_back(self._subject, given_back)


def _no_room(total: int) -> CatalogError:
    return CatalogError(
        Reason.TOO_MANY_CALLS,
        "too many large answers are being read; read them, ask for smaller pages or call again",
        metadata={"limit": str(total), "scope": "large_answers"},
        resource=("server", "answers"),
        retry_after=1.0,
    )
