"""Indexes what has changed since the index was last committed."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from dashboard_catalog.catalog.indexing.documents import ROWS, asset_documents, entity_documents
from dashboard_catalog.catalog.indexing.threads import in_thread
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, CHART_KIND, DASHBOARD_KIND, KINDS
from dashboard_catalog.index.fields import Document, key_of
from dashboard_catalog.index.writer import Writer
from dashboard_catalog.store import feed
from dashboard_catalog.store.charts import holder_ids
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.feed import Stretch
from dashboard_catalog.store.feed_statements import FeedRow

_KINDS = frozenset(KINDS)
_CHANGES_AT_ONCE = 1_000
_THINGS_AT_ONCE = 250


class Progress(NamedTuple):
    """How far one call has come in a sequence.

    Attributes:
        reached: Number of the last change whose things are indexed as they are now.
        changes: Number of changes.
        last_at: When the last of them was made; None if there was none.
    """

    reached: int
    changes: int
    last_at: datetime | None


async def index_next(database: Database, writer: Writer, sequence: UUID, after: int, until: int) -> Progress:
    """Indexes what the next changes of a sequence touch, and returns how far that is. The caller commits.

    Args:
        after: Number after which the changes begin.
        until: Number of the last change, which has been committed.

    Raises:
        CatalogError: UNAVAILABLE if the database is away.
        WriterFailed: If the index cannot be written.
    """
    async with database.read() as connection:
        rows, reached = await feed.read(connection, Stretch(sequence, after, until, _KINDS), _CHANGES_AT_ONCE)
        touched = _touched(rows)
        touched[DASHBOARD_KIND.name].update(await holder_ids(connection, sequence, _other_charts(rows)))
    async for keys, documents in _present(database, sequence, touched):
        await in_thread(writer.remove, keys)
        await in_thread(writer.add, documents)
    return Progress(reached, len(rows), rows[-1].updated_at if rows else None)


def _touched(rows: Iterable[FeedRow]) -> defaultdict[str, set[UUID]]:
    touched: defaultdict[str, set[UUID]] = defaultdict(set)
    for row in rows:
        touched[row.kind].add(row.id)
    return touched


def _other_charts(rows: Iterable[FeedRow]) -> set[UUID]:
    """Returns the charts whose dashboards may have been indexed with another name of theirs, or without it.

    No dashboard holds a chart before it has been created.
    """
    return {row.id for row in rows if row.kind == CHART_KIND.name and row.type != "created"}


async def _present(
    database: Database, sequence: UUID, touched: dict[str, set[UUID]]
) -> AsyncIterator[tuple[list[bytes], list[Document]]]:
    """Yields things in small numbers: their keys, and the documents of those that still exist."""
    for kind, ids in touched.items():
        remaining = iter(ids)
        while some := list(islice(remaining, _THINGS_AT_ONCE)):
            yield [key_of(kind, id_) for id_ in some], await _documents(database, kind, sequence, some)


async def _documents(database: Database, kind: str, sequence: UUID, ids: Sequence[UUID]) -> list[Document]:
    async with database.read() as connection:
        if kind not in ASSET_KINDS:
            return entity_documents(await ROWS.entities(connection, ids))
        return await asset_documents(connection, kind, await ROWS.assets(connection, kind, sequence, ids))
