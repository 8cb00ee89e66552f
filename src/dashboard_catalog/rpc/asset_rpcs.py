"""The RPCs that every kind of asset has, written once.

Each is check, call, convert. A servicer passes the request, its context, and the message to respond with.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from google.protobuf.message import Message

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.reading.views import AssetView
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.fitting import fit, fit_change, fit_names
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.contract.missing import unless_missing
from dashboard_catalog.contract.pages import fill_page
from dashboard_catalog.contract.shown import shown_asset, shown_fields
from dashboard_catalog.rpc.edge.context import Context, call_context, caller_of
from dashboard_catalog.rpc.freshness import show_after

R = TypeVar("R", bound=Message)
Response = Callable[..., R]
"""The class of a response message, which takes the fields of the message by name."""


class AssetRpcs:
    """Serves one kind of asset."""

    def __init__(self, catalog: Catalog, messages: AssetMessages, room: AnswerRoom) -> None:
        self._catalog = catalog
        self._room = room
        self._requests = AssetRequests(messages)
        self._name = messages.kind.name

    async def create(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves Create."""
        write = self._requests.create(request, caller_of(context))
        written = await self._catalog.write_asset(write, validate_only=request.validate_only)
        return await self._respond(context, response, written.view)

    async def upsert(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves Upsert."""
        write = self._requests.upsert(request, caller_of(context))
        written = await self._catalog.write_asset(write, validate_only=request.validate_only)
        kept_fields = fit_names(written.kept_fields)
        outcome = wire.outcome_message(written.outcome)
        return await self._respond(context, response, written.view, outcome=outcome, kept_fields=kept_fields)

    async def update(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves Update."""
        write = self._requests.update(request, caller_of(context))
        written = await self._catalog.write_asset(write, validate_only=request.validate_only)
        return await self._respond(context, response, written.view)

    async def delete(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves Delete."""
        write = self._requests.delete(request, caller_of(context))
        deletion = self._catalog.write_asset(write, validate_only=request.validate_only)
        written = await unless_missing(deletion, allowed=request.allow_missing)
        return await self._respond(context, response, written.view) if written else response()

    async def restore(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves Restore."""
        written = await self._catalog.write_asset(self._requests.restore(request, caller_of(context)))
        return await self._respond(context, response, written.view)

    async def revert(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves Revert."""
        write = self._requests.revert(request, caller_of(context))
        written = await self._catalog.write_asset(write, validate_only=request.validate_only)
        left_out = fit_names(written.left_out)
        outcome = wire.outcome_message(written.outcome)
        return await self._respond(context, response, written.view, outcome=outcome, left_out=left_out)

    async def rename(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves Rename."""
        write = self._requests.rename(request, caller_of(context))
        written = await self._catalog.write_asset(write, validate_only=request.validate_only)
        return await self._respond(context, response, written.view)

    async def get(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves Get."""
        read, fields = self._requests.read(request, caller_of(context))
        room = self._room.of(call_context(context))

        async def build() -> R:
            view = await self._catalog.get_asset(read, room)
            return self._answer(response, shown_fields(view, fields or None))

        return await room.hold(build)

    async def list(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves List."""
        listing, fields = self._requests.listing(request, caller_of(context))
        room = self._room.of(call_context(context))

        async def build() -> R:
            async with self._catalog.list_assets(listing, room) as page:
                messages, token = await fill_page(
                    page, lambda view: shown_asset(view, fields or None), listing.token_after
                )
            return response(next_page_token=token, total=page.total, **{f"{self._name}s": messages})

        return await room.hold(build)

    async def list_versions(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves ListVersions."""
        listing, fields = self._requests.versions(request, caller_of(context))
        room = self._room.of(call_context(context))

        async def build() -> R:
            async with self._catalog.list_versions(listing, room) as page:
                messages, token = await fill_page(
                    page, lambda view: shown_asset(view, fields or None), listing.token_after
                )
            return response(next_page_token=token, versions=messages)

        return await room.hold(build)

    async def compare_versions(self, request: Any, context: Context, response: Response[R]) -> R:
        """Serves CompareVersions."""
        comparison = self._requests.comparison(request, caller_of(context))
        room = self._room.of(call_context(context))

        async def build() -> R:
            description = wire.change_message(await self._catalog.compare_versions(comparison, room))
            fit_change(description)
            return response(change_description=description)

        return await room.hold(build)

    async def _respond(self, context: Context, response: Response[R], view: AssetView, **fields: Any) -> R:
        """Returns the response to a write that has happened."""
        show_after(self._catalog, context)

        async def build() -> R:
            return self._answer(response, wire.asset_fields(view), **fields)

        return await self._room.of(call_context(context)).hold(build, patient=True)

    def _answer(self, response: Response[R], shown: Mapping[str, Any], **fields: Any) -> R:
        """Returns a response with an asset, as far as it is not too large."""
        answer = response(**{self._name: shown}, **fields)
        fit(getattr(answer, self._name))
        return answer
