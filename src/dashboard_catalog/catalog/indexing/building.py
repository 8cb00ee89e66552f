"""Builds the whole index from the tables."""

from collections.abc import AsyncIterator
from typing import Any

from dashboard_catalog.catalog.indexing.documents import ROWS, asset_documents, entity_documents
from dashboard_catalog.catalog.indexing.threads import in_thread
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS
from dashboard_catalog.index.fields import Document
from dashboard_catalog.index.writer import Writer
from dashboard_catalog.store.database import Database

_PAGE = 250
# Often enough that searches find something early. Each commit costs some ten milliseconds.
_COMMIT_DOCUMENTS = 20_000


async def build(database: Database, writer: Writer) -> int:
    """Fills an empty index, and returns the number of documents. The caller commits.

    What changes meanwhile may be indexed as it was, as it is, twice, or not at all. So the index must get the positions
    from before the build: following the changes after them corrects all of this.

    Raises:
        CatalogError: UNAVAILABLE if the database is away.
        WriterFailed: If the index cannot be written.
    """
    added = since_commit = 0
    async for documents in _all_documents(database):
        await in_thread(writer.add, documents)
        since_commit += len(documents)
        if since_commit >= _COMMIT_DOCUMENTS:
            await in_thread(writer.commit, {})
            added, since_commit = added + since_commit, 0
    return added + since_commit


async def _all_documents(database: Database) -> AsyncIterator[list[Document]]:
    """Yields documents by page, entities first since they are few. No transaction is open meanwhile."""
    last: Any = None
    while True:
        async with database.read() as connection:
            entities = await ROWS.entity_page(connection, last, _PAGE)
        if not entities:
            break
        last = entities[-1]
        yield entity_documents(entities)
    for kind in ASSET_KINDS:
        last = None
        while True:
            async with database.read() as connection:
                rows = await ROWS.asset_page(connection, kind, last, _PAGE)
                documents = await asset_documents(connection, kind, rows)
            if not rows:
                break
            last = rows[-1]
            yield documents
