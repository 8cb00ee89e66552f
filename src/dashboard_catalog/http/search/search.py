"""OpenMetadata's routes of searches, whose answers have the form of its search engine."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.indexing.recent_writes import After
from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS, KINDS
from dashboard_catalog.catalog.reading.called import Called
from dashboard_catalog.catalog.reading.views import EntityView
from dashboard_catalog.contract.kinds import ASSET_MESSAGES, kind_number
from dashboard_catalog.contract.pages import fill_page
from dashboard_catalog.contract.search_messages import search_request
from dashboard_catalog.contract.shown import shown, shown_asset
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.http.application import CatalogRoute
from dashboard_catalog.http.assets.asset_answers import AssetAnswers
from dashboard_catalog.http.dialect.answers import JsonAnswer
from dashboard_catalog.http.dialect.requests import checked
from dashboard_catalog.http.edge.calls import call_of
from dashboard_catalog.http.entities.entity_answers import EntityAnswers
from dashboard_catalog.http.entities.entity_resources import ENTITY_RESOURCES
from dashboard_catalog.http.search.name_searches import NameSearches, View
from dashboard_catalog.http.search.search_text import SearchText, search_text
from dashboardcatalog.v1 import asset_pb2, search_pb2

_NAMES: Mapping[str, str] = {kind: f"{kind}_search_index" for kind in KINDS} | {
    "bi_service": "dashboard_service_search_index"
}
_ASSETS = tuple(ASSET_MESSAGES)
_ENTITIES = tuple(resource.kind.name for resource in ENTITY_RESOURCES)
_INDEXES: Mapping[str, Sequence[str]] = {_NAMES[kind]: (kind,) for kind in (*_ASSETS, *_ENTITIES)} | {
    "dataAsset": _ASSETS,
    "all": (*_ASSETS, *_ENTITIES),
}
"""The kinds in each index that has any."""

_MOST = 100
# What OpenMetadata has besides. Other parameters do not change which results there are.
_UNUSED_FILTERS = ("post_filter", "search_after", "sort_field")


Index = Annotated[str, Query(description="What to search: `dashboard_search_index`, `user_search_index` and so on.")]
From = Annotated[int, Query(alias="from", ge=0, le=1_000, description="How many results to leave out.")]
Size = Annotated[int, Query(ge=0, description="Number of results: at most 100.")]
Deleted = Annotated[bool, Query(description="Whether to find what is deleted, and nothing else.")]


class SearchRoutes:
    """The routes that search.

    Args:
        catalog: What is behind the door.
        room: Where answers are built.
    """

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._catalog = catalog
        self._names = NameSearches(catalog, room)
        self._room = room
        self._assets = {kind: AssetAnswers(kind, f"/api/v1/{kind}s", room) for kind in _ASSETS}
        self._entities = {resource.kind.name: EntityAnswers(resource, room) for resource in ENTITY_RESOURCES}

    def router(self) -> APIRouter:
        """Returns them."""
        router = APIRouter(prefix="/api/v1/search", tags=["search"], route_class=CatalogRoute)
        router.get("/fieldQuery", summary="Finds by fully qualified name")(self.field_query)
        router.get("/query", summary="Searches by email address, by name, or in the language of the catalog")(
            self.query
        )
        return router

    async def query(
        self,
        request: Request,
        *,
        q: str = "",
        query_filter: str = "",
        index: Index = "dataAsset",
        start: From = 0,
        size: Size = 10,
        deleted: Deleted = False,
    ) -> Response:
        """Serves GET of results. What an index has that the catalog does not keep is never found."""
        wanted, kinds = search_text(q, query_filter), kinds_in(index)
        is_called = wanted.email is not None or wanted.name is not None
        if kinds:
            _check_filters(request, by_name=is_called, deleted=deleted)
        size = min(size, _MOST)

        async def build() -> JsonAnswer:
            if not kinds:
                return _answer([], 0)
            if is_called:
                views, total = await self._called(request, wanted, kinds, start, size)
            else:
                views, total = await self._found(request, _request(wanted.words, kinds, deleted=deleted), start, size)
            return _answer([self._hit(request, view) for view in views], total)

        return await self._room.of(call_of(request)).hold(build)

    async def field_query(
        self,
        request: Request,
        field: Annotated[str, Query(alias="fieldName")],
        value: Annotated[str, Query(alias="fieldValue")],
        *,
        index: Index = "dataAsset",
        start: From = 0,
        size: Size = 10,
        deleted: Deleted = False,
    ) -> Response:
        """Serves GET of what has a fully qualified name. What the catalog does not keep is never found."""
        kinds = kinds_in(index)
        if kinds:
            _check_filters(request, by_name=True, deleted=deleted)
        if kinds and field != "fullyQualifiedName":
            raise invalid([Violation("fieldName", ViolationReason.INVALID_VALUE, "must be fullyQualifiedName")])

        async def build() -> JsonAnswer:
            if not kinds:
                return _answer([], 0)
            views, total = await self._names.find(call_of(request), kinds, value, start, min(size, _MOST))
            return _answer([self._hit(request, view) for view in views], total)

        return await self._room.of(call_of(request)).hold(build)

    async def _called(
        self, request: Request, wanted: SearchText, kinds: Sequence[str], start: int, size: int
    ) -> tuple[Sequence[View], int]:
        """Returns the users or teams that people call so, and the number of all. Only users have email addresses."""
        kind = next((kind for kind in kinds if kind == "user" or (kind == "team" and wanted.name is not None)), None)
        if kind is None:
            return [], 0
        called = Called(
            kind=ENTITY_KINDS[kind],
            principal=_principal(request),
            email=wanted.email,
            name=wanted.name,
            bots=wanted.bots,
            start=start,
            size=size,
        )
        return await self._catalog.find_called(called)

    async def _found(
        self, request: Request, sent: search_pb2.SearchRequest, start: int, size: int
    ) -> tuple[Sequence[View], int]:
        """Returns up to `size` results from a place on, and the number of all."""
        await self._catalog.wait_until_indexed(_principal(request), After())
        found: list[View] = []
        skipped = 0
        while True:
            sent.page_size = max(min(start - skipped + size - len(found), _MOST), 1)
            views, total, sent.page_token = await self._page(request, sent)
            found += views[start - skipped :]
            skipped = min(skipped + len(views), start)
            if len(found) >= size or not sent.page_token:
                return found[:size], total

    async def _page(self, request: Request, sent: search_pb2.SearchRequest) -> tuple[list[View], int, str]:
        """Returns the results of a page, the number of all, and the token of the next page."""
        call = call_of(request)
        search, _ = search_request(checked(sent), call.caller)
        async with self._catalog.search(search, self._room.of(call)) as page:
            found, token = await fill_page(page.results, lambda result: shown(result.view), page.token_after)
            return [one.view for one in found], page.total, token or page.next_page_token

    def _hit(self, request: Request, view: View) -> dict[str, Any]:
        if isinstance(view, EntityView):
            kind = view.record.kind
            item = self._entities[kind].item(request, view)
        else:
            kind = view.kind.name
            item = self._assets[kind].item(request, shown_asset(view, None))
        return {"_index": _NAMES[kind], "_id": item["id"], "_source": item}


def kinds_in(index: str) -> Sequence[str]:
    """Returns the kinds of things in an index; none for one of things that the catalog does not keep."""
    return _INDEXES.get(index, ())


def _check_filters(request: Request, *, by_name: bool, deleted: bool) -> None:
    """Refuses parameters that would change the results and are not searched by.

    Raises:
        CatalogError: INVALID_ARGUMENT that names the first.
    """
    if deleted and by_name:
        text = "must be false: by name and by address, only what is not deleted is found"
        raise invalid([Violation("deleted", ViolationReason.INVALID_VALUE, text)])
    for name in _UNUSED_FILTERS:
        if name in request.query_params:
            raise invalid([Violation(name, ViolationReason.INVALID_VALUE, "is no parameter of this search")])


def _request(words: str, kinds: Sequence[str], *, deleted: bool) -> search_pb2.SearchRequest:
    state = asset_pb2.DELETED_ONLY if deleted else asset_pb2.DELETED_EXCLUDE
    return search_pb2.SearchRequest(query=words, kinds=map(kind_number, kinds), deleted=state)


def _principal(request: Request) -> Principal:
    return call_of(request).caller.principal


def _answer(hits: Sequence[dict[str, Any]], total: int) -> JsonAnswer:
    return JsonAnswer({"hits": {"total": {"value": total, "relation": "eq"}, "hits": hits}})
