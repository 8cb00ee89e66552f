import asyncio
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import tantivy

from dashboard_catalog.index.fields import Position
from dashboard_catalog.index.folders import IndexFolder, Status
from dashboard_catalog.index.searching import SearchIndex
from dashboard_catalog.index.writer import Writer
from tests.index.writing import SEQUENCE, document, names


@pytest.fixture
def folder(tmp_path: Path) -> IndexFolder:
    return IndexFolder(tmp_path / "search")


@pytest.fixture
async def index(folder: IndexFolder) -> AsyncIterator[SearchIndex]:
    index = SearchIndex(folder)
    yield index
    index.close()


def begin(folder: IndexFolder) -> Writer:
    return Writer(folder.path(folder.new_build()))


async def test_there_is_an_empty_index_until_another_one_appears(folder: IndexFolder, index: SearchIndex) -> None:
    assert await index.search(names) == set()
    assert (index.building, index.lag()) == (True, None)
    writer = begin(folder)
    assert await index.search(names) == set()
    writer.add([document(1)])
    writer.commit({})
    assert await index.search(names) == {"chart 1"}
    writer.add([document(2)])
    assert await index.search(names) == {"chart 1"}
    writer.commit({})
    assert await index.search(names) == {"chart 1", "chart 2"}
    writer.close()


async def test_a_new_build_takes_the_place_of_the_old_one(folder: IndexFolder, index: SearchIndex) -> None:
    for number in (1, 2):
        writer = begin(folder)
        writer.add([document(number)])
        writer.commit({})
        writer.close()
        assert await index.search(names) == {f"chart {number}"}
        folder.remove_others(folder.status().build)  # type: ignore[union-attr]
        assert await index.search(names) == {f"chart {number}"}


async def test_documents_of_a_damaged_index_are_not_counted(folder: IndexFolder, index: SearchIndex) -> None:
    writer = begin(folder)
    writer.add([document(number) for number in range(50)])
    writer.commit({})
    writer.close()
    assert index.documents() == 50
    file = next(folder.root.rglob("*.fast"))
    content = file.read_bytes()
    kept = 130  # Its footer, without which the file is not opened.
    file.write_bytes(b"\xff" * (len(content) - kept) + content[-kept:])
    other = SearchIndex(folder)
    assert math.isnan(other.documents())
    other.close()
    assert folder.is_doubted()


async def test_a_search_waits_for_a_change(folder: IndexFolder, index: SearchIndex) -> None:
    assert not await index.wait_for({SEQUENCE: 1}, 0.0)
    writer = begin(folder)
    waiting = asyncio.create_task(index.wait_for({SEQUENCE: 5}, 60.0))
    for number in (4, 5):
        await asyncio.sleep(0)
        assert not waiting.done()
        writer.commit({SEQUENCE: Position(number, trace=0)})
    assert await waiting
    assert await index.wait_for({SEQUENCE: 5}, 0.0)
    assert not await index.wait_for({SEQUENCE: 6}, 0.0)
    writer.close()


async def test_searches_run_beside_the_event_loop_and_only_some_at_once(index: SearchIndex) -> None:
    running = most = 0

    def work(_searcher: tantivy.Searcher) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.01)
        running -= 1

    searches = [asyncio.create_task(index.search(work)) for _ in range(6)]
    turns = 0
    while not all(search.done() for search in searches):
        await asyncio.sleep(0)
        turns += 1
    assert turns > len(searches)
    assert most == 2


async def test_an_index_that_cannot_be_read_leaves_what_was_read(folder: IndexFolder, index: SearchIndex) -> None:
    writer = begin(folder)
    writer.add([document(1)])
    writer.commit({})
    assert await index.search(names) == {"chart 1"}
    build = folder.status().build  # type: ignore[union-attr]
    folder.path(build).joinpath("meta.json").write_bytes(b"{")
    assert await index.search(names) == {"chart 1"}
    folder.root.joinpath("status.json").write_bytes(b"{")
    assert await index.search(names) == {"chart 1"}
    assert index.building


def test_the_age_of_an_index_is_that_of_the_oldest_change_that_it_lacks() -> None:
    status = Status("b", building=False, checked_at=100.0)
    assert status.lag(101.5, idle=2.0) == 0.0
    # Nobody has looked since, so nobody knows.
    assert status.lag(110.0, idle=2.0) == 10.0
    behind = Status("b", building=False, checked_at=100.0, oldest=70.0)
    assert behind.lag(101.0, idle=2.0) == 31.0


async def test_a_change_of_this_process_counts_before_the_indexer_knows_it(
    folder: IndexFolder, index: SearchIndex
) -> None:
    writer = begin(folder)
    writer.close()
    build = folder.status().build  # type: ignore[union-attr]
    now = time.time()
    folder.say(Status(build, building=False, checked_at=now))
    assert index.lag() == 0.0
    index.note_change()
    index.note_change()
    assert 0.0 < (index.lag() or 0.0) < time.time() - now
    folder.say(Status(build, building=False, checked_at=time.time()))
    assert index.lag() == 0.0


def test_an_index_of_another_version_is_not_used(folder: IndexFolder) -> None:
    folder.root.mkdir()
    folder.say(Status("v0-tantivy0.1-abc", building=False, checked_at=time.time()))
    assert folder.status() is None
