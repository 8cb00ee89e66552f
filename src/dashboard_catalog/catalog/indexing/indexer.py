"""Keeps an index like the database for as long as it runs: builds it if it must, then follows the changes."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Never
from uuid import UUID

import structlog

from dashboard_catalog.catalog.indexing.building import build
from dashboard_catalog.catalog.indexing.following import index_next
from dashboard_catalog.catalog.indexing.pace import Pace
from dashboard_catalog.catalog.indexing.threads import in_thread
from dashboard_catalog.catalog.indexing.traced_positions import belong_together, present_positions, traced
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.index.fields import Position
from dashboard_catalog.index.folders import IndexBusy, IndexFolder, Status
from dashboard_catalog.index.integrity import damage
from dashboard_catalog.index.writer import Writer, WriterFailed
from dashboard_catalog.store import feed
from dashboard_catalog.store.database import Database
from dashboard_catalog.tracing.spans import Spans

_LOOK_SECONDS = 0.2
_SAY_SECONDS = 1.0
_COMMIT_CHANGES = 10_000
_BUSY_SECONDS = 5.0
_WAIT_SECONDS = 1.0
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 1.0, 60.0
_BEHIND_SECONDS = 60.0
# How long the indexer works before it looks for damage again, since that takes time.
_TRUST_SECONDS = 10.0

_log = structlog.get_logger("dashboard_catalog.search")


class Indexer:
    """The one process that writes an index.

    Args:
        database: What is indexed.
        folder: Where the index is.
        spans: Makes a span whenever changes are indexed, if there are any.
    """

    def __init__(self, database: Database, folder: IndexFolder, spans: Spans | None = None) -> None:
        self._database = database
        self._folder = folder
        self._spans = spans
        self._retry_seconds = _FIRST_RETRY_SECONDS
        self._waits = False
        # The build whose files this process has found whole.
        self._whole = ""

    async def run(self) -> Never:
        """Indexes until it is cancelled. After an error, goes on from what was committed last."""
        while True:
            began = time.monotonic()
            try:
                with self._folder.claimed():
                    await self._keep_up()
            except IndexBusy as error:
                _log.info("search_index_busy", problem=str(error))
                await asyncio.sleep(_BUSY_SECONDS)
            except CatalogError as error:
                # The database is away. It will come back, perhaps as another one.
                if not self._waits:
                    _log.warning("search_index_waits", problem=error.message)
                self._waits = True
                await asyncio.sleep(_WAIT_SECONDS)
            except (WriterFailed, OSError) as error:
                self._whole = ""
                # On a full disk, an index can be opened, but not written.
                if time.monotonic() - began > _LONGEST_RETRY_SECONDS:
                    self._retry_seconds = _FIRST_RETRY_SECONDS
                _log.warning("search_index_failed", problem=str(error), retry_seconds=self._retry_seconds)
                await asyncio.sleep(self._retry_seconds)
                self._retry_seconds = min(self._retry_seconds * 2, _LONGEST_RETRY_SECONDS)

    async def _keep_up(self) -> None:
        """Follows the changes until the index is no longer that of the database."""
        status = self._folder.status()
        complete_until = status.complete_until if status else 0.0
        opened = await in_thread(self._open)
        if opened is not None:
            name, writer = opened
            with closing(writer):
                if await self._is_ours(writer):
                    await self._follow(name, writer, complete_until)
                    return
        complete_until = time.time()
        # Before anything is removed: the database may be away.
        async with self._database.read() as connection:
            positions = await present_positions(connection)
        name = await in_thread(self._folder.new_build)
        with closing(await in_thread(Writer, self._folder.path(name))) as writer:
            await self._build(name, writer, positions)
            await self._follow(name, writer, complete_until)

    async def _follow(self, name: str, writer: Writer, complete_until: float) -> None:
        await in_thread(self._folder.remove_others, name)
        self._waits, self._whole = False, name
        await _Following(
            self._database, writer, self._folder, name=name, complete_until=complete_until, spans=self._spans
        ).run()

    def _open(self) -> tuple[str, Writer] | None:
        """Opens the index that is in use; returns None if there is none that can be used."""
        status = self._folder.status()
        if status is None or status.building:
            return None
        path = self._folder.path(status.build)
        is_known = status.build == self._whole and not self._folder.is_doubted()
        self._folder.end_doubt()
        problem = None if is_known else damage(path)
        if problem is None:
            try:
                return status.build, Writer(path)
            except WriterFailed as error:
                problem = str(error)
        _log.warning("search_index_damaged", problem=problem)
        return None

    async def _is_ours(self, writer: Writer) -> bool:
        positions = await in_thread(writer.positions)
        async with self._database.read() as connection:
            ours = bool(positions) and await belong_together(connection, positions)
        if not ours:
            _log.warning("search_index_foreign", problem="the index is not of this database, or of a later state")
        return ours

    async def _build(self, name: str, writer: Writer, positions: Mapping[UUID, Position]) -> None:
        _log.info("search_index_building", path=str(self._folder.path(name)))
        began, looked_at = time.monotonic(), time.time()
        await in_thread(self._folder.remove_others, name)
        documents = await build(self._database, writer)
        await in_thread(writer.commit, positions)
        await in_thread(self._folder.say, Status(name, building=False, checked_at=looked_at))
        _log.info("search_index_built", documents=documents, seconds=round(time.monotonic() - began, 1))


class _Following:
    """Follows the changes of a database in an index that is complete up to some time."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        folder: IndexFolder,
        *,
        name: str,
        complete_until: float,
        spans: Spans | None,
    ) -> None:
        self._database = database
        self._writer = writer
        self._folder = folder
        self._name = name
        # All changes that were committed before this time are indexed; in seconds since 1970.
        self._complete_until = complete_until
        self._positions: dict[UUID, int] = {}
        self._pace = Pace()
        self._said = Status("", building=False, checked_at=0.0)
        self._complained_at = 0.0
        self._spans = spans
        self._began = time.monotonic()

    async def run(self) -> None:
        """Follows until the index is doubted, or the database has fewer changes than it: it was set back."""
        positions = await in_thread(self._writer.positions)
        self._positions = {id_: position.number for id_, position in positions.items()}
        while not self._is_doubted():
            looked_at = time.time()
            async with self._database.read() as connection:
                present = await feed.positions(connection)
            if any(present.get(id_, 0) < number for id_, number in self._positions.items()):
                return
            ahead = {id_: last for id_, last in present.items() if last > self._positions.get(id_, 0)}
            may_work = self._pace.may_work(sum(present.values()), time.monotonic())
            has_news = bool(ahead)
            with self._traced(ahead if may_work else {}):
                has_caught_up = may_work and await self._catch_up(ahead, looked_at)
            if has_caught_up:
                self._complete_until = looked_at
                ahead = {}
            await self._say(looked_at, is_behind=bool(ahead), has_news=has_news)
            if not (ahead and may_work):
                await asyncio.sleep(_LOOK_SECONDS)

    def _traced(self, ahead: Mapping[UUID, int]) -> AbstractContextManager[None]:
        """Returns a block with a span of its own, if there are spans and something is ahead."""
        if self._spans is None or not ahead:
            return nullcontext()
        return self._spans.alone("index changes", {"dashboard_catalog.index.sequences": len(ahead)})

    def _is_doubted(self) -> bool:
        return time.monotonic() - self._began >= _TRUST_SECONDS and self._folder.is_doubted()

    async def _catch_up(self, ahead: Mapping[UUID, int], looked_at: float) -> bool:
        """Indexes and commits what is ahead, but only so much at once. Returns whether that was all."""
        reached: dict[UUID, int] = {}
        began, changes = time.monotonic(), 0
        for sequence, last in ahead.items():
            at = self._positions.get(sequence, 0)
            while at < last and changes < _COMMIT_CHANGES:
                done = await index_next(self._database, self._writer, sequence, at, last)
                at = reached[sequence] = done.reached
                changes += done.changes
                if done.last_at is not None and len(ahead) == 1:
                    # Not later than the look: the clock of another server may be ahead.
                    at_most = min(done.last_at.timestamp(), looked_at)
                    self._complete_until = max(self._complete_until, at_most)
        if reached:
            await self._commit(reached)
            self._pace.note(changes, time.monotonic() - began)
        return all(self._positions.get(sequence, 0) >= last for sequence, last in ahead.items())

    async def _commit(self, reached: Mapping[UUID, int]) -> None:
        async with self._database.read() as connection:
            positions: dict[UUID, Position] = await traced(connection, reached)
        await in_thread(self._writer.commit, positions)
        self._positions.update(reached)

    async def _say(self, looked_at: float, *, is_behind: bool, has_news: bool) -> None:
        """Tells readers how old the index is, but no more often than they need."""
        oldest = self._complete_until if is_behind else None
        said = self._said
        if has_news or said.oldest is not None or looked_at - said.checked_at >= _SAY_SECONDS:
            self._said = Status(self._name, building=False, checked_at=looked_at, oldest=oldest)
            await in_thread(self._folder.say, self._said)
        if is_behind and looked_at - max(self._complete_until, self._complained_at) >= _BEHIND_SECONDS:
            self._complained_at = looked_at
            _log.warning("search_index_behind", lag_seconds=round(looked_at - self._complete_until))
