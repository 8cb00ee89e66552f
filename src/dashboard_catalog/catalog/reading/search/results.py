"""The results of a page, read from the database: the index knows only which they are."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.known.property_texts import texts_in
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS
from dashboard_catalog.catalog.reading.pages import FoundRows
from dashboard_catalog.catalog.reading.search.bounds import Bounds
from dashboard_catalog.catalog.reading.search.request import BY_RELEVANCE, SearchRequest
from dashboard_catalog.catalog.reading.search.snippets import Highlighter, Snippet
from dashboard_catalog.catalog.reading.views import AssetView, EntityView, Reference, asset_views, entity_views
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.index.hits import Hit
from dashboard_catalog.store import entities
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.partial_rows import Partial
from dashboard_catalog.store.records import EntityRecord

_Row = Partial[Any]
_View = AssetView | EntityView
_Key = tuple[str, UUID]
_Texts = Iterable[tuple[str, str | None]]
"""Texts of a result that are alike, each with the path of its field."""

# What a snippet may be made of, also if the caller does not want it.
_SHOWING = frozenset({"description", "extension", "charts"})
# How many of the labels, of the charts or of the values of a property of one result are shown to match.
_MAX_ALIKE = 3


class Result(NamedTuple):
    """A result.

    Attributes:
        kind: Name of its kind.
        score: How well it matches; 0 where results are in another order.
        snippets: Where it matches.
    """

    kind: str
    score: float
    view: _View
    snippets: Sequence[Snippet]


@dataclass(frozen=True, slots=True)
class Results:
    """Reads the results of a page.

    Attributes:
        hits: What the index has found, in order.
    """

    request: SearchRequest
    authorizer: Authorizer
    bounds: Bounds
    hits: Sequence[Hit]
    highlighter: Highlighter

    async def find(self, connection: ReadConnection) -> FoundRows[Any, Result]:
        """Returns the rows of the hits that are still there and still match."""
        rows: dict[tuple[str, UUID], _Row] = {}
        for kind, ids in self._ids().items():
            if kind in ASSET_KINDS:
                found: Sequence[_Row] = await ASSET_KINDS[kind].table.partial_by_ids(connection, ids)
            else:
                found = await entities.partial_by_ids(connection, ids)
            rows |= {(kind, row.record.id): row for row in found if self.bounds.matches(kind, row.record)}
        things = ((hit.thing.kind, hit.thing.id) for hit in self.hits)
        return FoundRows([rows[thing] for thing in things if thing in rows], more=False, total=None, read=self._read)

    def _ids(self) -> dict[str, list[UUID]]:
        ids: dict[str, list[UUID]] = {}
        for hit in self.hits:
            ids.setdefault(hit.thing.kind, []).append(hit.thing.id)
        return ids

    async def _read(self, connection: ReadConnection, rows: Sequence[_Row]) -> list[tuple[Any, Result]]:
        views: dict[_Key, _View] = {}
        for kind, of_kind in _by_kind(rows).items():
            for view in await self._views(connection, kind, of_kind):
                views[kind, view.record.id] = view
        hits = {(hit.thing.kind, hit.thing.id): hit for hit in self.hits}
        shown = [(hits[_key(row)], views[_key(row)]) for row in rows if _key(row) in views]
        # A long description takes milliseconds, and a page may have a hundred.
        return await asyncio.to_thread(lambda: [(hit, self._result(hit, view)) for hit, view in shown])

    async def _views(self, connection: ReadConnection, kind: str, rows: Sequence[_Row]) -> Sequence[_View]:
        """Returns the views of rows of a kind that are still there, with their large values."""
        missing = [row.record for row in rows if row.missing]
        records = [row.record for row in rows if not row.missing]
        if kind not in ASSET_KINDS:
            ids = [record.id for record in missing]
            return await entity_views(connection, [*records, *await entities.whole_by_ids(connection, ids)])
        records += await ASSET_KINDS[kind].table.whole(connection, missing, self._unwanted)
        sight, viewers = Sight(self.authorizer, KnownEntities()), [self.request.principal] * len(records)
        return await asset_views(connection, ASSET_KINDS[kind], records, viewers, sight)

    @property
    def _unwanted(self) -> frozenset[str]:
        return self.request.unwanted - _SHOWING

    def _result(self, hit: Hit, view: _View) -> Result:
        texts = _asset_texts(view) if isinstance(view, AssetView) else _texts(view.record)
        snippets: list[Snippet] = []
        for group in texts:
            found = (self.highlighter.snippet(field, text) for field, text in group)
            snippets += islice(filter(None, found), _MAX_ALIKE)
        return Result(hit.thing.kind, hit.key if self.request.order_by == BY_RELEVANCE else 0.0, view, snippets)


def _key(row: _Row) -> _Key:
    record = row.record
    if isinstance(record, EntityRecord):
        return record.kind, record.id
    return next(name for name, kind in ASSET_KINDS.items() if isinstance(record, kind.table.record)), record.id


def _by_kind(rows: Sequence[_Row]) -> dict[str, list[_Row]]:
    by_kind: dict[str, list[_Row]] = {}
    for row in rows:
        by_kind.setdefault(_key(row)[0], []).append(row)
    return by_kind


def _texts(record: Any) -> Iterator[_Texts]:
    """Yields the texts that all kinds have."""
    yield [("name", record.name)]
    yield [("display_name", record.display_name)]
    yield [("description", record.description)]


def _asset_texts(view: AssetView) -> Iterator[_Texts]:
    record = view.record
    yield from _texts(record)
    yield [("project", getattr(record, "project", None))]
    yield [("tags", text) for tag in record.tags for text in _names(view.references.get(tag))]
    for key, value in (record.extension or {}).items():
        yield [(f"extension.{key}", text) for text in texts_in(value)]
    yield [("charts", text) for text in _chart_names(view)]


def _chart_names(view: AssetView) -> Iterator[str]:
    """Yields the names by which the charts of a dashboard find it: those of its own BI service."""
    for chart in getattr(view.record, "charts", ()):
        reference = view.references.get(chart)
        if reference and not reference.hidden and names.split(reference.fqn)[0] == view.service.name:
            yield from (reference.name, reference.display_name or "")


def _names(reference: Reference | None) -> Iterator[str]:
    if reference:
        yield from (reference.fqn, reference.display_name or "")
