"""Searches an index that another process writes, without holding up the event loop.

There is always something to search: an empty index as long as there is no other. `lag` and `building` say how far what
is found can be trusted.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import structlog
import tantivy

from dashboard_catalog.index.fields import SCHEMA
from dashboard_catalog.index.folders import IndexFolder, Status, open_index
from dashboard_catalog.index.positions import position_of

T = TypeVar("T")

THREADS = 2
"""How many searches of one process run at once. The others wait."""

IDLE_SECONDS = 2.0
"""How long the indexer may be silent before changes count as late."""

_LOOK_SECONDS = 0.02
_ASK_SECONDS = 0.1

_log = structlog.get_logger("dashboard_catalog.search")


class _Opened(NamedTuple):
    """An index that has been opened.

    Attributes:
        stamp: What its file of segments looked like when the index was last reloaded.
    """

    build: str
    index: Any
    stamp: object


class SearchIndex:
    """Reads the index in a folder, whatever its indexer does meanwhile.

    Attributes:
        folder: The folder.
    """

    def __init__(self, folder: IndexFolder) -> None:
        self.folder = folder
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="search")
        self._opened = _Opened("", tantivy.Index(SCHEMA), None)
        self._complete_until = self._asked_at = 0.0
        # When this process made its first change that may not be indexed, if there is one, and its last change.
        self._unindexed_since: float | None = None
        self._changed_at = 0.0

    async def search(self, work: Callable[[tantivy.Searcher], T]) -> T:
        """Runs `work` with the newest state of the index, in a thread, and returns its result.

        All that one call of `work` asks sees the same state.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    async def wait_for(self, after: Mapping[UUID, int], seconds: float) -> bool:
        """Waits until the index has come to these numbers of changes, by sequence, and returns whether it has.

        Args:
            seconds: How long to wait at most.
        """
        ends = time.monotonic() + seconds
        left = dict(after)
        while left:
            left = await self.search(partial(_not_reached, left))
            if not left or time.monotonic() >= ends:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return not left

    def lag(self) -> float | None:
        """Returns the age that a change which is not indexed has at most, in seconds; None if nobody knows."""
        status, now = self.folder.status(), time.time()
        if status is None:
            return None
        if self._changed_at < status.complete_until:
            self._unindexed_since = None
        since = now if self._unindexed_since is None else max(self._unindexed_since, status.complete_until)
        return max(status.lag(now, IDLE_SECONDS), now - since)

    def note_change(self) -> None:
        """Notes that this process has just changed what is indexed, before the indexer can know it."""
        self._changed_at = time.time()
        if self._unindexed_since is None:
            self._unindexed_since = self._changed_at

    def complete_until(self) -> float:
        """Returns the time before which all changes were made that are known to be indexed, in seconds since 1970.

        It may have become later a moment ago: this is asked at every write.
        """
        now = time.monotonic()
        if now - self._asked_at >= _ASK_SECONDS:
            status = self.folder.status()
            self._asked_at, self._complete_until = now, status.complete_until if status else 0.0
        return self._complete_until

    @property
    def building(self) -> bool:
        """Whether the index does not have everything yet that was there when its build began."""
        status = self.folder.status()
        return status is None or status.building

    def documents(self) -> float:
        """Returns how many documents are in the index; NaN if it is damaged. Reads files, so it needs a thread."""
        try:
            return self._run(_documents)
        except Exception:  # noqa: BLE001 - whatever the library raises for them
            return math.nan

    def close(self) -> None:
        """Lets searches that run end, and refuses others."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, work: Callable[[tantivy.Searcher], T]) -> T:
        try:
            return work(self._searcher())
        except Exception:
            self.folder.doubt()
            raise
        except BaseException as error:
            self.folder.doubt()
            # A panic of the library, which callers do not expect.
            raise RuntimeError("the search index cannot be searched") from error

    def _searcher(self) -> tantivy.Searcher:
        try:
            self._refresh(self.folder.status())
        except Exception as error:  # noqa: BLE001 - what has been read can be searched until the indexer has mended it
            self.folder.doubt()
            _log.warning("search_index_not_read", problem=str(error))
        searcher: tantivy.Searcher = self._opened.index.searcher()
        return searcher

    def _refresh(self, status: Status | None) -> None:
        """Opens the index that is in use, or has the opened one read what was committed meanwhile."""
        if status is None:
            return
        folder = self.folder.path(status.build)
        try:
            seen = folder.joinpath("meta.json").stat()
        except FileNotFoundError:
            # The build has not committed anything yet.
            return
        stamp = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
        if (self._opened.build, self._opened.stamp) == (status.build, stamp):
            return
        index = self._opened.index
        if self._opened.build == status.build:
            index.reload()
        else:
            index = open_index(folder, SCHEMA)
            index.reload()
        self._opened = _Opened(status.build, index, stamp)


def _documents(searcher: Any) -> int:
    positions = searcher.search(tantivy.Query.exists_query("position"), 1)
    return int(searcher.num_docs - (positions.count or 0))


def _not_reached(numbers: Mapping[UUID, int], searcher: tantivy.Searcher) -> dict[UUID, int]:
    reached = {sequence: position_of(searcher, sequence) for sequence in numbers}
    return {id_: number for id_, number in numbers.items() if (at := reached[id_]) is None or at.number < number}
