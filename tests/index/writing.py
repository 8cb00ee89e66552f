"""Indexes for tests: what is written to them, and what they hold."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import tantivy

from dashboard_catalog.index.fields import SCHEMA, Document, Position, Thing
from dashboard_catalog.index.folders import open_index
from dashboard_catalog.index.writer import Writer

SEQUENCE = UUID(int=7)


def document(number: int, **values: Any) -> Document:
    """Returns a document with values of its own."""
    made = Document(
        kind="chart", id=UUID(int=number), name=f"chart {number}", updated_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    return replace(made, **values)


def names(searcher: tantivy.Searcher, field: str = "kind", term: Any = "chart") -> set[str]:
    """Returns the names of what has a term in a field."""
    found = searcher.search(tantivy.Query.term_query(SCHEMA, field, term), 1_000).hits
    return {Thing.parse(str(searcher.doc(address).get_first("by_name"))).name for _, address in found}


def names_in(folder: Path) -> set[str]:
    """Returns the names of the charts that an index holds."""
    index = open_index(folder, SCHEMA)
    index.reload()
    return names(index.searcher())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an index of charts 0 to 9, of which chart 3 was written twice."""
    made = tmp_path / "index"
    made.mkdir()
    written(made, lambda writer: writer.add(map(document, range(10))), 10)

    def change(writer: Writer) -> None:
        writer.remove([b"chart:" + UUID(int=3).bytes])
        writer.add([document(3, name="changed")])

    written(made, change, 11)
    return made


def written(folder: Path, work: Callable[[Writer], None], position: int) -> None:
    """Commits the work of a writer of its own."""
    writer = Writer(folder)
    work(writer)
    writer.commit({SEQUENCE: Position(position, trace=1)})
    writer.close()
