"""Searching: the index finds and counts, the database shows.

The index is searched in threads. A search that waits for one holds no connection to the database.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Principal
from dashboard_catalog.catalog.reading.pages import FoundRows, Page, open_page
from dashboard_catalog.catalog.reading.room import Room
from dashboard_catalog.catalog.reading.search.bounds import Bounds, bounds_of
from dashboard_catalog.catalog.reading.search.facets import FacetCounts, facet_counts, fields_of
from dashboard_catalog.catalog.reading.search.field_values import Known, conditions_of, look_up
from dashboard_catalog.catalog.reading.search.matching import Conditions, Matcher, Matching, may_have_typos
from dashboard_catalog.catalog.reading.search.query import Query, parse
from dashboard_catalog.catalog.reading.search.request import BY_RELEVANCE, NEWEST_FIRST, PageEnd, SearchRequest
from dashboard_catalog.catalog.reading.search.results import Result, Results
from dashboard_catalog.catalog.reading.search.snippets import Highlighter
from dashboard_catalog.catalog.reading.search.viewing import viewable_sequences
from dashboard_catalog.index import hits, queries
from dashboard_catalog.index.counting import Counted, count
from dashboard_catalog.index.hits import MAX_HITS, Found, Hit, Searcher, Window
from dashboard_catalog.index.searching import SearchIndex
from dashboard_catalog.store import entities, feed
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.database import Database


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of results.

    Attributes:
        results: Those that are still there and still match, each with its hit.
        total: Number of results on all pages.
        facets: The counts that were asked for, in their order.
        lag: Greatest age of a change that is not indexed, in seconds; None if nobody knows.
        building: Whether the index does not have everything yet.
    """

    results: Page[Any, Result]
    total: int
    facets: Sequence[FacetCounts]
    lag: float | None
    building: bool
    _request: SearchRequest
    _position: PageEnd
    _found: Found

    def token_after(self, hit: Hit) -> str:
        """Returns the token of the page that begins after a hit of this page."""
        seen = self._position.seen + self._found.hits.index(hit) + 1
        return self._request.token_after(PageEnd(seen, hit.thing))

    @property
    def next_page_token(self) -> str:
        """The token of the page that begins where this one ends; empty if it is the last one."""
        return self.token_after(self._found.hits[-1]) if self._found.more else ""


class _Search(NamedTuple):
    """A search of the index.

    Attributes:
        fields: The conditions of the fields that the query names.
    """

    request: SearchRequest
    query: Query
    bounds: Bounds
    fields: Conditions
    position: PageEnd

    def run(self, searcher: Searcher) -> "_Answer":
        """Returns what matches as it is written or, where nothing does, what nearly matches."""
        answer = self._run(searcher, typos=False)
        if answer.found.total or not may_have_typos(self.query):
            return answer
        return self._run(searcher, typos=True)

    def _run(self, searcher: Searcher, *, typos: bool) -> "_Answer":
        viewing = self.bounds.viewing
        matcher = Matcher(partial(_tags, searcher), viewing.condition_of_charts(), by_rarity=viewing.everything)
        matching = matcher.matching(self.query, self.fields, typos=typos)
        bounds = self.bounds.conditions()
        query = queries.all_of([matching.found, *bounds.all_of], without=bounds.none_of)
        counted = count(searcher, query, fields_of(self.request.facets))
        return _Answer(self._page(searcher, query, matching), counted, typos)

    def _page(self, searcher: Searcher, query: queries.Query, matching: Matching) -> Found:
        seen, last = self.position.seen, self.position.last
        window = Window(min(self.request.page_size, MAX_HITS - seen), seen, last)
        if self.request.order_by == NEWEST_FIRST:
            return hits.newest(searcher, query, window)
        # What has no words matches everything equally well.
        if self.request.order_by == BY_RELEVANCE and self.query.terms:
            return hits.best(searcher, queries.lifted(query, matching.lifts), window)
        return hits.by_name(searcher, query, window)


class _Answer(NamedTuple):
    """The answer of the index.

    Attributes:
        counted: The counts of the fields of the facets.
        typos: Whether near misses match, too.
    """

    found: Found
    counted: Mapping[str, Counted]
    typos: bool


class Searches:
    """Searches the catalog of one database, as one set of policies allows.

    Attributes:
        index: What is searched.
    """

    def __init__(self, database: Database, authorizer: Authorizer, index: SearchIndex) -> None:
        self.index = index
        self._database = database
        self._authorizer = authorizer

    async def to_wait_for(self, principal: Principal, numbers: Mapping[UUID, int] | None) -> Mapping[UUID, int]:
        """Returns those of some changes that a caller may find. To wait for others would tell that there are some.

        Args:
            numbers: The numbers of the changes by sequence; None for the last change of each.
        """
        if numbers is not None and (not numbers or self._authorizer.allows_everything(principal, Action.VIEW)):
            return numbers
        async with self._database.read() as connection:
            services = await entities.of_kind(connection, "bi_service")
            wanted = await feed.positions(connection) if numbers is None else numbers
        shown = viewable_sequences(self._authorizer, principal, services)
        return {id_: number for id_, number in wanted.items() if id_ in shown}

    @asynccontextmanager
    async def open(self, request: SearchRequest, room: Room) -> AsyncIterator[SearchPage]:
        """Opens a page of results, which can be read until the end of the block.

        Args:
            room: Where the answer will be.

        Raises:
            CatalogError: INVALID_ARGUMENT for a filter that does not parse, an order or a page token that is wrong;
                PERMISSION_DENIED if the caller may view none of the kinds.
        """
        search = await self._prepared(request)
        # Before the search: what is indexed meanwhile need not be in the state of the index that it sees.
        lag, building = self.index.lag(), self.index.building
        found, counted, typos = await self.index.search(search.run)
        highlighter = Highlighter(search.query, typos=typos)
        results = Results(request, self._authorizer, search.bounds, found.hits, highlighter)
        facets: list[FacetCounts] = []

        async def find(connection: ReadConnection) -> FoundRows[Any, Result]:
            facets[:] = await facet_counts(connection, request.facets, request.facet_size, counted)
            return await results.find(connection)

        async with open_page(self._database, find, request.page_size, room) as page:
            yield SearchPage(page, found.total, facets, lag, building, request, search.position, found)

    async def _prepared(self, request: SearchRequest) -> _Search:
        position, query = request.position(), parse(request.query)
        names_fields = query.fields or query.without_fields
        known: Known = await self.index.search(partial(look_up, query=query)) if names_fields else {}
        async with self._database.read() as connection:
            services = await entities.of_kind(connection, "bi_service")
            bounds = await bounds_of(connection, self._authorizer, request, services)
            shown = bounds.viewing.shown_services(services)
            fields = await conditions_of(connection, query, known, shown) if names_fields else Conditions()
        return _Search(request, query, bounds, fields, position)


def _tags(searcher: Searcher, labels: queries.Query) -> list[str]:
    """Returns the ids of the tags whose labels a query of the index finds."""
    found = hits.things(searcher, queries.all_of([queries.any_of("kind", ["tag"]), labels]))
    return [thing.id.hex for thing in found]
