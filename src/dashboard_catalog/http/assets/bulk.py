"""Many dashboards or charts in one request, as OpenMetadata's connectors send them. These writes are ingestion.

The items are committed together with those of other calls, and each fails alone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response

from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetWrite, Verb, Writer, text_of
from dashboard_catalog.contract.asset_specs import asset_write
from dashboard_catalog.contract.bulk_items import check_item_size
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.contract.limits import MAX_MESSAGE_ITEMS
from dashboard_catalog.error_codes import Code
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.application import CatalogRoute
from dashboard_catalog.http.assets.stale_requests import stale_request
from dashboard_catalog.http.dialect.answers import JsonAnswer
from dashboard_catalog.http.dialect.bulk_answers import Failure, bulk_answer
from dashboard_catalog.http.dialect.requests import as_object, asset_spec, checked, sent_list, sent_object
from dashboard_catalog.http.dialect.service_names import ServiceNames
from dashboard_catalog.http.edge.calls import HttpCall, call_of
from dashboard_catalog.sources.items.messages import full_name


class _Item(NamedTuple):
    """An item of a request: its name in the answer, and its write, or why it cannot be read."""

    name: str
    write: AssetWrite | CatalogError


class BulkRoutes:
    """The routes for many assets of one kind.

    Args:
        messages: The messages of the kind.
        catalog: What is behind the door.
        room: Where answers are built.
    """

    def __init__(self, messages: AssetMessages, catalog: Catalog, room: AnswerRoom) -> None:
        self._messages = messages
        self._kind = messages.kind
        self._catalog = catalog
        self._room = room
        self._services = ServiceNames(catalog, room)

    def router(self) -> APIRouter:
        """Returns them. They come before those of single assets, whose ids would match their paths."""
        noun = f"{self._kind.name}s"
        router = APIRouter(prefix=f"/api/v1/{noun}", tags=[noun], route_class=CatalogRoute)
        router.put("/bulk", summary=f"Creates or updates many {noun}")(self.put)
        router.delete("/deleteStale", summary=f"Deletes the {noun} that a source no longer has")(self.delete_stale)
        return router

    async def put(
        self,
        request: Request,
        *,
        overrideMetadata: Annotated[  # noqa: N803 - the name of the parameter
            bool, Query(description="Whether to write over what people have edited, which needs a right of its own.")
        ] = False,
    ) -> Response:
        """Serves PUT of a list of bodies. The answer names the items that failed; `async=true` waits for it too."""
        call = call_of(request)
        if overrideMetadata:
            self._catalog.check_may_override(call.caller.principal, self._kind)
        writer = replace(call.caller.writer, ingests=True, overrides=overrideMetadata)
        items = await self._read(call, await sent_list(request, MAX_MESSAGE_ITEMS), writer)
        failed = await self._write(items)
        for _, error in failed.values():
            if isinstance(error, ActionDenied):
                error.log(call.caller.id, self._catalog.metrics.auth)
        passed = [item.name for place, item in enumerate(items) if place not in failed]
        return await self._answer(call, bulk_answer(passed, list(failed.values())))

    async def delete_stale(self, request: Request) -> Response:
        """Serves DELETE with the names of everything that a source still has."""
        call = call_of(request)
        body = await sent_object(request)
        stale = await stale_request(call, self._kind, body, self._services)
        swept = await self._catalog.sessions.delete_stale(stale, validate_only=body.get("dryRun") is True)
        return await self._answer(call, bulk_answer(swept.deleted, swept.refused, count=swept.result.deleted))

    async def _answer(self, call: HttpCall, content: dict[str, Any]) -> Response:
        async def build() -> JsonAnswer:
            return JsonAnswer(content)

        return await self._room.of(call).hold(build, patient=True)

    async def _read(self, call: HttpCall, bodies: Sequence[Any], writer: Writer) -> list[_Item]:
        items = []
        # Most requests are about one service.
        services: dict[str, Any] = {}
        for place, body in enumerate(bodies):
            # Other calls have a turn.
            await asyncio.sleep(0)
            if isinstance(body, dict) and isinstance(sent := body.get("service"), str):
                if sent not in services:
                    services[sent] = await self._services.fqn_of(sent, call)
                body["service"] = services[sent]
            items.append(self._item(call, place, body, writer))
        return items

    def _item(self, call: HttpCall, place: int, body: Any, writer: Writer) -> _Item:
        try:
            spec = asset_spec(call, self._kind.name, as_object(body, "an item"))
            check_item_size(spec)
            checked(self._messages.request("Upsert")(**{self._kind.name: spec}))
            write = asset_write(self._kind, spec, Verb.UPSERT, writer)
        except CatalogError as error:
            return _Item(_name_in(body) or f"[{place}]", error)
        return _Item(text_of(write.key), write)

    async def _write(self, items: Sequence[_Item]) -> dict[int, Failure]:
        """Writes the items in their order, also those of one name, and returns the failures by place.

        Raises:
            CatalogError: UNAVAILABLE if that is why everything has failed.
        """
        # An item that fails does not stop the others.
        errors = await asyncio.gather(*(self._error_of(item.write) for item in items), return_exceptions=True)
        failed: dict[int, Failure] = {}
        for place, (item, error) in enumerate(zip(items, errors, strict=True)):
            if isinstance(error, CatalogError):
                failed[place] = (item.name, error)
            elif error is not None:
                raise error
        reasons = [error for _, error in failed.values()]
        if items and len(reasons) == len(items) and all(error.code is Code.UNAVAILABLE for error in reasons):
            raise reasons[0]
        return failed

    async def _error_of(self, write: AssetWrite | CatalogError) -> None:
        if isinstance(write, CatalogError):
            raise write
        # The written asset is not returned: the answer does not need it, and many of them would take much memory.
        await self._catalog.write_asset(write)


def _name_in(body: Any) -> str:
    """Returns the fully qualified name in a body, or the name where there is none; empty without either."""
    return full_name(body)[: names.MAX_FQN_BYTES] if isinstance(body, dict) else ""
