"""Writes an index. Only one writer at a time has a folder, whatever the process.

A commit holds the documents and how far they have come, so that both are there or neither is. After an error, nothing
that a writer has taken since its last commit counts: drop it, and go on from the positions that the folder has.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import tantivy

from dashboard_catalog.index.fields import SCHEMA, Document, Position, values_of
from dashboard_catalog.index.folders import IndexBusy, open_index
from dashboard_catalog.index.positions import all_positions, position_of

# Memory for documents that are not on disk yet. The process takes about twice as much.
_HEAP_BYTES = 50_000_000


class WriterFailed(Exception):
    """The index cannot be opened or written. The message says why."""


class Writer:
    """The one writer of an index.

    Args:
        folder: Folder with an index, or an empty one.

    Raises:
        IndexBusy: If there is another writer.
        WriterFailed: If the folder cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        with _failures():
            self._index = open_index(folder, SCHEMA)
            # More threads would write more and smaller pieces, and the indexer must not take the whole machine.
            self._writer: Any = self._index.writer(_HEAP_BYTES, 1)

    def positions(self) -> dict[UUID, Position]:
        """Returns how far the last commit has come in each sequence.

        Raises:
            WriterFailed: If it cannot be read.
        """
        with _failures():
            self._index.reload()
            return all_positions(self._index.searcher())

    def add(self, documents: Iterable[Document]) -> None:
        """Adds documents of things that have none.

        Raises:
            WriterFailed: If a document cannot be added.
        """
        with _failures():
            for document in documents:
                # With the schema, a wrong value fails here. Without it, it would end the thread that writes.
                self._writer.add_document(tantivy.Document.from_dict(values_of(document), SCHEMA))

    def remove(self, keys: Iterable[bytes]) -> None:
        """Removes the documents with these keys, as far as there are any.

        Raises:
            WriterFailed: If that fails.
        """
        terms = list(keys)
        if terms:
            with _failures():
                self._writer.delete_documents_by_query(tantivy.Query.term_set_query(SCHEMA, "key", terms))

    def commit(self, positions: Mapping[UUID, Position]) -> None:
        """Makes everything visible and lasting, with the positions that have changed.

        Raises:
            WriterFailed: If that fails, also if the library says that it did not.
        """
        with _failures():
            for sequence, position in positions.items():
                self._writer.delete_documents_by_term("sequence", sequence.hex)
                values = {"sequence": sequence.hex, "position": position.number, "trace": position.trace}
                self._writer.add_document(tantivy.Document.from_dict(values, SCHEMA))
            self._writer.commit()
            self._index.reload()
            searcher = self._index.searcher()
        if any(position_of(searcher, sequence) != position for sequence, position in positions.items()):
            raise WriterFailed("a commit was lost")

    def close(self) -> None:
        """Lets others write. What was not committed is lost, and nothing else."""
        with _failures():
            # The library has no other way to end its threads without waiting for them.
            self._writer = None


@contextmanager
def _failures() -> Iterator[None]:
    """Turns the exceptions of the library into ours. A panic is a `BaseException` there."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if "LockBusy" in str(error):
            raise IndexBusy(str(error)) from error
        raise WriterFailed(f"{type(error).__name__}: {error}") from error
