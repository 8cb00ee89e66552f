"""Reads of dashboards and charts: one of them by id or name, pages of them, and their versions."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query, Request, Response
from google.protobuf.field_mask_pb2 import FieldMask

from dashboard_catalog.calls.answer_room import CallRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.reading.asset_lists import AssetListing
from dashboard_catalog.catalog.reading.page_sizes import MAX_PAGE_SIZE
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.contract.pages import fill_page
from dashboard_catalog.contract.shown import shown
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid
from dashboard_catalog.http.assets.asset_answers import OPTIONAL, AssetAnswers, shown_keys
from dashboard_catalog.http.dialect.answers import JsonAnswer, list_answer
from dashboard_catalog.http.dialect.lookups import find_by_name
from dashboard_catalog.http.dialect.parameters import DELETED, After, Before, Fields, Include, Limit, wanted
from dashboard_catalog.http.dialect.requests import checked
from dashboard_catalog.http.dialect.service_names import ServiceNames
from dashboard_catalog.http.edge.calls import call_of
from dashboard_catalog.store.records import AssetRecord

Service = Annotated[str, Query(description="BI service of the results: its fully qualified name, or its raw one.")]
Domain = Annotated[str, Query(description="Fully qualified name of the domain that the results are in, or below.")]

_BACKWARDS = "name desc"


class AssetReads:
    """The routes that read one kind of asset.

    Args:
        messages: The messages of the kind.
        catalog: What is behind the door.
        answers: Makes the answers.
        services: Finds the BI service of a filter.
    """

    def __init__(
        self, messages: AssetMessages, catalog: Catalog, answers: AssetAnswers, services: ServiceNames
    ) -> None:
        self._messages = messages
        self._kind = messages.kind.name
        self._requests = AssetRequests(messages)
        self._catalog = catalog
        self._answers = answers
        self._services = services

    async def get(self, request: Request, id: str, fields: Fields = "", include: Include = "non-deleted") -> Response:
        """Serves GET by id."""
        sent = self._messages.request("Get")(id=id, deleted=DELETED[include])
        return await self.answer(request, sent, fields, self._answers.room_of(request))

    async def get_by_name(
        self, request: Request, fqn: str, fields: Fields = "", include: Include = "non-deleted"
    ) -> Response:
        """Serves GET by fully qualified name."""
        return await self.named(request, fqn, include, fields, self._answers.room_of(request))

    async def named(self, request: Request, fqn: str, include: str, fields: str, room: CallRoom) -> JsonAnswer:
        """Returns the answer to GET by fully qualified name."""

        async def find(name: str, deleted: str) -> JsonAnswer:
            sent = self._messages.request("Get")(fully_qualified_name=name, deleted=DELETED[deleted])
            return await self.answer(request, sent, fields, room)

        return await find_by_name(fqn, include, find)

    async def version(self, request: Request, id: str, version: float) -> Response:
        """Serves GET of one version."""
        sent = self._messages.request("Get")(id=id, version=version, deleted=DELETED["all"])
        return await self.answer(request, sent, "*", self._answers.room_of(request))

    async def answer(self, request: Request, sent: Any, fields: str, room: CallRoom) -> JsonAnswer:
        """Returns the answer to a Get."""
        read, _ = self._requests.read(checked(sent), call_of(request).caller)
        only = wanted(fields, OPTIONAL)

        async def build() -> JsonAnswer:
            return self._answers.one(request, await self._catalog.get_asset(read, room), only)

        return await room.hold(build)

    async def versions(self, request: Request, id: str) -> Response:
        """Serves GET of the versions: the newest 1,000, as far as they fit into one answer."""
        sent = self._messages.request("List", "Versions")(id=id, page_size=MAX_PAGE_SIZE)
        listing, _ = self._requests.versions(checked(sent), call_of(request).caller)
        room = self._answers.room_of(request)

        async def build() -> JsonAnswer:
            async with self._catalog.list_versions(listing, room) as page:
                found, _ = await fill_page(page, shown, listing.token_after)
            items = (json.dumps(self._answers.item(request, one.message)) for one in found)
            return await list_answer("versions", items, {"entityType": self._kind})

        return await room.hold(build)

    async def list(
        self,
        request: Request,
        *,
        limit: Limit = 10,
        after: After = "",
        before: Before = "",
        service: Service = "",
        domain: Domain = "",
        fields: Fields = "",
        include: Include = "non-deleted",
    ) -> Response:
        """Serves GET of a page."""
        if after and before:
            raise invalid([Violation("before", ViolationReason.INVALID_VALUE, "must be absent where after is sent")])
        call, only = call_of(request), wanted(fields, OPTIONAL)
        sent = self._messages.request("List")(
            page_size=limit or 1,
            page_token=after or before,
            order_by=_BACKWARDS if before else "",
            service=await self._services.fqn_of(service, call),
            domain=domain,
            deleted=DELETED[include],
            include_total=True,
            read_mask=FieldMask(paths=shown_keys(self._kind, only)),
        )
        listing, _ = self._requests.listing(checked(sent), call.caller)
        room = self._answers.room_of(request)

        async def build() -> JsonAnswer:
            async with self._catalog.list_assets(listing, room) as page:
                found, token = await fill_page(page, shown, listing.token_after)
            found = found if limit else []
            paging = _paging(listing, [one.view.record for one in found], token)
            data = (self._answers.item(request, one.message, only) for one in (found[::-1] if before else found))
            return await list_answer("data", data, {"paging": {"total": page.total, **paging}})

        return await room.hold(build)


def _paging(listing: AssetListing, rows: Sequence[AssetRecord], token: str) -> dict[str, str]:
    """Returns the tokens of the pages after and before a page.

    Args:
        rows: What the page shows, in the order of the listing.
        token: That of the page that follows in this order; empty if there is none.
    """
    ahead, behind = ("before", "after") if listing.filters.order_by == _BACKWARDS else ("after", "before")
    if not rows:
        return {}
    tokens = {ahead: token} if token else {}
    if listing.page_token:
        other = replace(listing.filters, order_by="name" if ahead == "before" else _BACKWARDS)
        tokens[behind] = replace(listing, filters=other).token_after(rows[0])
    return tokens
