from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.index.fields import Position, key_of
from dashboard_catalog.index.folders import IndexBusy
from dashboard_catalog.index.writer import Writer, WriterFailed
from tests.index.writing import SEQUENCE, document, folder, names_in, written

__all__ = ["folder"]

HELD = {f"chart {number}" for number in range(10)} - {"chart 3"} | {"changed"}


def test_a_commit_holds_documents_and_how_far_they_have_come(folder: Path) -> None:
    assert names_in(folder) == HELD
    assert Writer(folder).positions() == {SEQUENCE: Position(11, trace=1)}


def test_what_is_removed_is_found_no_more(folder: Path) -> None:
    written(folder, lambda writer: writer.remove([key_of("chart", document(1).id), b"chart:unknown"]), 12)
    assert names_in(folder) == HELD - {"chart 1"}


def test_a_value_that_cannot_be_indexed_fails_and_leaves_the_last_commit(folder: Path) -> None:
    writer = Writer(folder)
    wrong: Any = "tomorrow"
    with pytest.raises(WriterFailed, match="AttributeError"):
        writer.add([document(20), document(21, updated_at=wrong)])
    with pytest.raises(WriterFailed, match="Expected"):
        writer.add([document(20, deleted=wrong)])
    writer.close()
    assert names_in(folder) == HELD
    # Nothing holds the folder any longer.
    written(folder, lambda another: another.add([document(22)]), 12)
    assert names_in(folder) == HELD | {"chart 22"}


def test_there_is_one_writer_at_a_time(folder: Path) -> None:
    writer = Writer(folder)
    with pytest.raises(IndexBusy):
        Writer(folder)
    writer.close()
    Writer(folder).close()


def test_a_commit_that_is_lost_is_an_error(folder: Path) -> None:
    writer = Writer(folder)
    # Another number than the field can hold ends the library's thread, and its commit says nothing.
    with pytest.raises(WriterFailed):
        writer.commit({SEQUENCE: Position(-1, trace=0)})
