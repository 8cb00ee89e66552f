"""The servicer of the catalog as a whole: of the entities that assets refer to, and of bulk sessions."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.bulk.undo_chunk import Undone
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.entity_requests import entity_key, entity_listing, entity_upsert
from dashboard_catalog.contract.kinds import entity_kind
from dashboard_catalog.contract.missing import unless_missing
from dashboard_catalog.contract.pages import fill_from, fill_page
from dashboard_catalog.contract.search_messages import duration, facet_message, result_message, search_request
from dashboard_catalog.contract.session_messages import (
    failure_listing,
    failure_message,
    progress_response,
    session_listing,
    session_message,
    undone_response,
)
from dashboard_catalog.contract.watch_messages import watch_request, watch_responses
from dashboard_catalog.rpc.edge.context import Context, call_context, caller_of
from dashboard_catalog.rpc.edge.watchers import watches
from dashboard_catalog.rpc.export_stream import serve_export
from dashboard_catalog.rpc.freshness import sent_after, show_after
from dashboardcatalog.v1 import bulk_session_pb2, catalog_service_pb2_grpc, export_pb2, search_pb2, watch_pb2
from dashboardcatalog.v1 import catalog_service_pb2 as messages


class CatalogServicer(catalog_service_pb2_grpc.CatalogServiceServicer):
    """Serves `dashboardcatalog.v1.CatalogService`; the contract documents each RPC."""

    def __init__(self, catalog: Catalog, room: AnswerRoom) -> None:
        self._catalog = catalog
        self._room = room

    async def UpsertEntity(
        self, request: messages.UpsertEntityRequest, context: Context
    ) -> messages.UpsertEntityResponse:
        write = entity_upsert(request, caller_of(context))
        outcome, view = await self._catalog.write_entity(write, validate_only=request.validate_only)
        show_after(self._catalog, context)
        return messages.UpsertEntityResponse(entity=wire.entity_message(view), outcome=wire.outcome_message(outcome))

    async def GetEntity(self, request: messages.GetEntityRequest, context: Context) -> messages.GetEntityResponse:
        kind, key = entity_kind(request.kind), entity_key(request)
        room = self._room.of(call_context(context))

        async def build() -> messages.GetEntityResponse:
            view = await self._catalog.get_entity(caller_of(context).principal, kind, key, room)
            return messages.GetEntityResponse(entity=wire.entity_message(view))

        return await room.hold(build)

    async def ListEntities(
        self, request: messages.ListEntitiesRequest, context: Context
    ) -> messages.ListEntitiesResponse:
        listing = entity_listing(request, caller_of(context))
        room = self._room.of(call_context(context))

        async def build() -> messages.ListEntitiesResponse:
            async with self._catalog.list_entities(listing, room) as page:
                entities, token = await fill_page(page, wire.entity_message, listing.token_after)
            return messages.ListEntitiesResponse(entities=entities, next_page_token=token)

        return await room.hold(build)

    @watches
    async def WatchChanges(
        self, request: watch_pb2.WatchChangesRequest, context: Context
    ) -> AsyncIterator[watch_pb2.WatchChangesResponse]:
        async with self._catalog.watch(watch_request(request, caller_of(context))) as watch:
            async for step in watch.steps():
                if step.changes:
                    self._catalog.metrics.watches.changes.inc(len(step.changes))
                for response in watch_responses(watch, step):
                    yield response

    def ExportCatalog(
        self, request: export_pb2.ExportCatalogRequest, context: Context
    ) -> AsyncIterator[export_pb2.ExportCatalogResponse]:
        return serve_export(self._catalog, self._room, request, caller_of(context))

    async def DeleteEntity(
        self, request: messages.DeleteEntityRequest, context: Context
    ) -> messages.DeleteEntityResponse:
        writer, kind, key = caller_of(context).writer, entity_kind(request.kind), entity_key(request)
        deletion = self._catalog.delete_entity(
            writer, kind, key, hard=request.hard, validate_only=request.validate_only
        )
        view = await unless_missing(deletion, allowed=request.allow_missing)
        show_after(self._catalog, context)
        return messages.DeleteEntityResponse(entity=wire.entity_message(view) if view else None)

    async def ListBulkSessions(
        self, request: bulk_session_pb2.ListBulkSessionsRequest, context: Context
    ) -> bulk_session_pb2.ListBulkSessionsResponse:
        listing = session_listing(request, caller_of(context))

        async def build() -> bulk_session_pb2.ListBulkSessionsResponse:
            async with self._catalog.sessions.list(listing) as found:
                sessions, token = await fill_from(found, listing.page_size, session_message, listing.token_after)
            return bulk_session_pb2.ListBulkSessionsResponse(sessions=sessions, next_page_token=token)

        return await self._room.of(call_context(context)).hold(build)

    async def GetBulkSession(
        self, request: bulk_session_pb2.GetBulkSessionRequest, context: Context
    ) -> bulk_session_pb2.GetBulkSessionResponse:
        caller = caller_of(context)
        listing = failure_listing(request, caller)

        async def build() -> bulk_session_pb2.GetBulkSessionResponse:
            async with self._catalog.sessions.get(listing) as (session, found):
                failures, token = await fill_from(
                    found, listing.page_size, lambda failure: failure_message(failure, caller), listing.token_after
                )
            return bulk_session_pb2.GetBulkSessionResponse(
                session=session_message(session), failures=failures, next_page_token=token
            )

        return await self._room.of(call_context(context)).hold(build)

    async def RevertSession(
        self, request: bulk_session_pb2.RevertSessionRequest, context: Context
    ) -> AsyncIterator[bulk_session_pb2.RevertSessionResponse]:
        session_id = UUID(request.session_id)
        writer = caller_of(context).writer
        undone = Undone()
        async with aclosing(
            self._catalog.sessions.revert(writer, session_id, validate_only=request.validate_only)
        ) as chunks:
            async for undone in chunks:
                yield progress_response(undone)
        show_after(self._catalog, context)
        yield undone_response(undone)

    async def Search(self, request: search_pb2.SearchRequest, context: Context) -> search_pb2.SearchResponse:
        caller, room = caller_of(context), self._room.of(call_context(context))
        search, shown = search_request(request, caller)
        await self._catalog.wait_until_indexed(caller.principal, sent_after(context))

        async def build() -> search_pb2.SearchResponse:
            async with self._catalog.search(search, room) as page:
                results, token = await fill_page(
                    page.results, lambda result: result_message(result, shown), page.token_after
                )
            return search_pb2.SearchResponse(
                results=results,
                total=page.total,
                facets=map(facet_message, page.facets),
                next_page_token=token or page.next_page_token,
                lag=duration(page.lag),
                building=page.building,
            )

        return await room.hold(build)

    async def RenameEntity(
        self, request: messages.RenameEntityRequest, context: Context
    ) -> messages.RenameEntityResponse:
        writer, kind, key = caller_of(context).writer, entity_kind(request.kind), entity_key(request)
        view = await self._catalog.rename_entity(
            writer, kind, key, request.new_name, validate_only=request.validate_only
        )
        show_after(self._catalog, context)
        return messages.RenameEntityResponse(entity=wire.entity_message(view))
