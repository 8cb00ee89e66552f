"""How far the sequences have got, as far as this process knows. Wakes the followers of the feed.

A process learns of its own commits at once. For those of others it looks once a second, once for all its followers, and
earlier when the database says that there is something to see. It looks only while there are followers.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import Context
from typing import Protocol
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import feed
from dashboard_catalog.store.database import Database

LOOK_SECONDS = 1.0

# Commits that follow each other so closely wake the followers together.
_GATHER_SECONDS = 0.01
# Other processes tell of their commits ten times a second each.
_PAUSE_SECONDS = 0.05


class Follower(Protocol):
    """Someone who follows the feed. Its methods do not wait."""

    def wake(self, numbers: Mapping[UUID, int]) -> None:
        """Learns the last numbers of sequences that have changed."""

    def look_again(self) -> None:
        """Learns that the policies have changed."""


class Horizon:
    """Wakes the followers of one process.

    Args:
        database: Has the changes.
        authorizer: Has the policies.
        seconds: How often to look.
    """

    def __init__(self, database: Database, authorizer: Authorizer, seconds: float) -> None:
        self._database = database
        self._authorizer = authorizer
        self._seconds = seconds
        self._followers: set[Follower] = set()
        self._looking: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()
        self._policies = authorizer.revision
        # What the last look found, and own commits since; the sum tells whether there is anything to find.
        self._numbers: dict[UUID, int] = {}
        self._sum = 0
        self._news: dict[UUID, int] = {}
        self._gathering: asyncio.TimerHandle | None = None
        database.on_commit(self._committed)

    @contextmanager
    def followed_by(self, follower: Follower) -> Iterator[None]:
        """Wakes a follower until the end of the block."""
        self._followers.add(follower)
        if self._looking is None:
            self._numbers, self._sum, self._policies = {}, 0, self._authorizer.revision
            # In an empty context: it looks for all followers, not for the call that came first.
            self._looking = asyncio.create_task(self._look_on(), context=Context())
        try:
            yield
        finally:
            self._followers.discard(follower)
            if not self._followers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def _committed(self, numbers: Mapping[UUID, int]) -> None:
        if not self._followers:
            return
        for id_, number in numbers.items():
            self._sum += number - self._numbers.get(id_, 0)
            self._numbers[id_] = number
        self._news.update(numbers)
        if self._gathering is None:
            self._wake()

    def _wake(self) -> None:
        self._gathering = None
        if self._news:
            news, self._news = self._news, {}
            for follower in list(self._followers):
                follower.wake(news)
            self._gathering = asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._wake)

    async def _look_on(self) -> None:
        async with self._database.listening(self._heard.set):
            while True:
                # While the database is away, whoever reads from it learns that, too.
                with suppress(CatalogError):
                    await self._look()
                if self._authorizer.revision is not self._policies:
                    self._policies = self._authorizer.revision
                    for follower in list(self._followers):
                        follower.look_again()
                await asyncio.sleep(_PAUSE_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds - _PAUSE_SECONDS):
                        await self._heard.wait()
                self._heard.clear()

    async def _look(self) -> None:
        before = dict(self._numbers)
        async with self._database.read() as connection:
            if await feed.total(connection) == self._sum:
                return
            found = await feed.positions(connection)
        # Of own commits since then it knows more than it has found.
        found |= {id_: number for id_, number in self._numbers.items() if before.get(id_) != number}
        self._news.update({id_: number for id_, number in found.items() if self._numbers.get(id_, 0) != number})
        self._numbers, self._sum = found, sum(found.values())
        if self._gathering is None:
            self._wake()
