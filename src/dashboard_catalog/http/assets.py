"""Dashboards and charts: OpenMetadata's routes for one of them, for both kinds alike.

A route makes the contract's request out of what was sent, and its answer out of what the catalog returns. So a request
is checked and read by the same code as one of gRPC.
"""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.commands import AssetWrite, Outcome
from dashboard_catalog.catalog.reading.views import AssetView
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.contract.pages import fill_page
from dashboard_catalog.contract.shown import shown_asset
from dashboard_catalog.http.answers import EVERYTHING, OPTIONAL, asset_answer
from dashboard_catalog.http.application import CatalogRoute
from dashboard_catalog.http.calls import call_of
from dashboard_catalog.http.requests import asset_spec, checked, expected_etag, sent_object
from dashboardcatalog.v1 import asset_pb2

Fields = Annotated[str, Query(description="What to return beside the rest, separated by commas; `*` for everything.")]
Include = Annotated[Literal["non-deleted", "deleted", "all"], Query(description="Whether deleted ones count.")]

_DELETED: Mapping[str, int] = {
    "non-deleted": asset_pb2.DELETED_EXCLUDE,
    "deleted": asset_pb2.DELETED_ONLY,
    "all": asset_pb2.DELETED_INCLUDE,
}


class JsonAnswer(Response):
    """An answer whose size is known."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Returns the body."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    def ByteSize(self) -> int:  # noqa: N802 - the name of protobuf
        """Returns the size of the body."""
        return len(self.body)


class AssetRoutes:
    """The routes of one kind of asset.

    Args:
        messages: The messages of the kind.
        catalog: What is behind the door.
        room: Where answers are built.
    """

    def __init__(self, messages: AssetMessages, catalog: Catalog, room: AnswerRoom) -> None:
        self._messages = messages
        self._kind = messages.kind.name
        self._requests = AssetRequests(messages)
        self._catalog = catalog
        self._room = room
        self._root = f"/api/v1/{self._kind}s"

    def router(self) -> APIRouter:
        """Returns them."""
        router = APIRouter(prefix=self._root, tags=[f"{self._kind}s"], route_class=CatalogRoute)
        noun = f"a {self._kind}"
        router.get("", summary=f"Lists {self._kind}s")(self.list)
        router.put("", summary=f"Creates or updates {noun}")(self.put)
        router.post("", summary=f"Creates {noun}")(self.post)
        router.put("/restore", summary=f"Restores {noun}")(self.restore)
        router.get("/name/{fqn:path}", summary=f"Returns {noun} by fully qualified name")(self.get_by_name)
        router.delete("/name/{fqn:path}", summary=f"Deletes {noun} by fully qualified name")(self.delete_by_name)
        router.get("/{id}", summary=f"Returns {noun}")(self.get)
        router.delete("/{id}", summary=f"Deletes {noun}")(self.delete)
        return router

    async def get(self, request: Request, id: str, fields: Fields = "", include: Include = "non-deleted") -> Response:
        """Serves GET by id."""
        return await self._get(request, {"id": id}, fields, include)

    async def get_by_name(
        self, request: Request, fqn: str, fields: Fields = "", include: Include = "non-deleted"
    ) -> Response:
        """Serves GET by fully qualified name."""
        return await self._get(request, {"fully_qualified_name": fqn}, fields, include)

    async def list(
        self,
        request: Request,
        *,
        limit: Annotated[int, Query(ge=0, le=1_000_000)] = 10,
        after: str = "",
        service: str = "",
        fields: Fields = "",
        include: Include = "non-deleted",
    ) -> Response:
        """Serves GET of a page."""
        call = call_of(request)
        sent = self._messages.request("List")(
            page_size=limit, page_token=after, service=service, deleted=_DELETED[include], include_total=True
        )
        listing, _ = self._requests.listing(checked(sent), call.call)
        room, only = self._room.of(call), wanted(fields)

        async def build() -> JsonAnswer:
            async with self._catalog.list_assets(listing, room) as page:
                shown, token = await fill_page(page, lambda view: shown_asset(view, None), listing.token_after)
            paging = {"total": page.total} | ({"after": token} if token else {})
            return JsonAnswer({"data": [self._shown(request, message, only) for message in shown], "paging": paging})

        return await room.hold(build)

    async def put(self, request: Request) -> Response:
        """Serves PUT. It is ingestion if the caller is a bot, and an edit otherwise."""
        spec = asset_spec(self._kind, await sent_object(request))
        sent = self._messages.request("Upsert")(**{self._kind: spec}, etag=expected_etag(request))
        return await self._write(request, self._requests.upsert(checked(sent), call_of(request).call))

    async def post(self, request: Request) -> Response:
        """Serves POST."""
        spec = asset_spec(self._kind, await sent_object(request))
        sent = self._messages.request("Create")(**{self._kind: spec})
        return await self._write(request, self._requests.create(checked(sent), call_of(request).call))

    async def restore(self, request: Request) -> Response:
        """Serves PUT of an id to restore."""
        sent = self._messages.request("Restore")(id=str((await sent_object(request)).get("id", "")))
        return await self._write(request, self._requests.restore(checked(sent), call_of(request).call))

    async def delete(self, request: Request, id: str, *, hardDelete: bool = False) -> Response:  # noqa: N803
        """Serves DELETE by id."""
        return await self._delete(request, {"id": id}, hard=hardDelete)

    async def delete_by_name(self, request: Request, fqn: str, *, hardDelete: bool = False) -> Response:  # noqa: N803
        """Serves DELETE by fully qualified name."""
        return await self._delete(request, {"fully_qualified_name": fqn}, hard=hardDelete)

    async def _get(self, request: Request, key: dict[str, str], fields: str, include: str) -> Response:
        call = call_of(request)
        sent = self._messages.request("Get")(**key, deleted=_DELETED[include])
        read, _ = self._requests.read(checked(sent), call.call)
        room, only = self._room.of(call), wanted(fields)

        async def build() -> JsonAnswer:
            view = await self._catalog.get_asset(read, room)
            return self._answer(request, view, only)

        return await room.hold(build)

    async def _delete(self, request: Request, key: dict[str, str], *, hard: bool) -> Response:
        sent = self._messages.request("Delete")(**key, hard=hard, etag=expected_etag(request))
        return await self._write(request, self._requests.delete(checked(sent), call_of(request).call))

    async def _write(self, request: Request, write: AssetWrite) -> Response:
        written = await self._catalog.write_asset(write)
        status = 201 if written.outcome is Outcome.CREATED else 200

        async def build() -> JsonAnswer:
            return self._answer(request, written.view, EVERYTHING, status)

        return await self._room.of(call_of(request)).hold(build, patient=True)

    def _answer(self, request: Request, view: AssetView, only: Collection[str], status: int = 200) -> JsonAnswer:
        message = shown_asset(view, None)
        return JsonAnswer(self._shown(request, message, only), status, {"ETag": f'"{message.etag}"'})

    def _shown(self, request: Request, message: Any, only: Collection[str]) -> dict[str, Any]:
        href = f"{str(request.base_url).rstrip('/')}{self._root}/{message.id}"
        return asset_answer(self._kind, message, only) | {"href": href}


def wanted(fields: str) -> frozenset[str]:
    """Returns the optional fields that a caller asks for. Fields that the catalog does not keep are ignored."""
    names = {name.strip() for name in fields.split(",")}
    return EVERYTHING if "*" in names else OPTIONAL & names
