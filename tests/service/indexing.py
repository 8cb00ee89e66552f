"""What is indexed of a catalog: by following its changes, and by building everything anew."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from dashboard_catalog.catalog.indexing.building import build
from dashboard_catalog.catalog.indexing.following import index_next
from dashboard_catalog.catalog.indexing.indexer import Indexer
from dashboard_catalog.index.fields import Document, key_of
from dashboard_catalog.index.folders import IndexFolder
from dashboard_catalog.index.writer import Writer
from dashboard_catalog.store import feed
from dashboard_catalog.store.database import Database
from tests.index.writing import names_in


@asynccontextmanager
async def indexing(database: Database, folder: IndexFolder) -> AsyncIterator[None]:
    """Runs an indexer while the block runs."""
    running = asyncio.create_task(Indexer(database, folder).run())
    try:
        yield
        assert not running.done(), running
    finally:
        running.cancel()
        await asyncio.wait({running})


class Noting(Writer):
    """A writer that notes which documents the index has."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        super().__init__(folder)
        self.documents: dict[bytes, Document] = {}

    def add(self, documents: Iterable[Document]) -> None:
        added = list(documents)
        super().add(added)
        for document in added:
            key = key_of(document.kind, document.id)
            assert key not in self.documents, f"{document.kind} {document.name} is there twice"
            self.documents[key] = document

    def remove(self, keys: Iterable[bytes]) -> None:
        removed = list(keys)
        super().remove(removed)
        for key in removed:
            self.documents.pop(key, None)


class Followed:
    """An index that follows the changes of a catalog when it is asked to.

    Args:
        folder: For indexes.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._writer = Noting(folder / "followed")
        self._positions: dict[UUID, int] = {}
        self._builds = 0

    async def begin(self) -> None:
        """Builds the index, so that it only follows from then on."""
        async with self._database.read() as connection:
            self._positions = await feed.positions(connection)
        await build(self._database, self._writer)

    async def catch_up(self) -> dict[str, Document]:
        """Follows all changes and returns what is indexed, by kind and name: the same as if it was built anew."""
        async with self._database.read() as connection:
            ahead = await feed.ahead(connection, self._positions)
        for sequence, last in ahead.items():
            while self._positions.get(sequence, 0) < last:
                at = self._positions.get(sequence, 0)
                self._positions[sequence] = (await index_next(self._database, self._writer, sequence, at, last)).reached
        assert self._writer.documents == await self._built()
        self._writer.commit({})
        found = {f"{document.kind} {document.name}": document for document in self._writer.documents.values()}
        assert names_in(self._folder / "followed") == {one.name for one in found.values() if one.kind == "chart"}
        return found

    async def _built(self) -> dict[bytes, Document]:
        self._builds += 1
        writer = Noting(self._folder / f"built{self._builds}")
        await build(self._database, writer)
        writer.close()
        return writer.documents
