"""The RPCs that every kind of asset has, written once.

Each is check, call, convert. A servicer passes the request, the caller, and the message to respond with.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.reading.views import AssetView
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.contract.missing import unless_missing
from dashboard_catalog.contract.pages import fill_page

R = TypeVar("R")
Response = Callable[..., R]
"""The class of a response message, which takes the fields of the message by name."""


class AssetRpcs:
    """Serves one kind of asset."""

    def __init__(self, catalog: Catalog, messages: AssetMessages) -> None:
        self._catalog = catalog
        self._requests = AssetRequests(messages)
        self._resource = messages.resource
        self._name = messages.kind.name

    async def create(self, request: Any, caller: Caller, response: Response[R]) -> R:
        """Serves Create."""
        write = self._requests.create(request, caller)
        _, _, view = await self._catalog.write_asset(write, validate_only=request.validate_only)
        return self._respond(response, view)

    async def upsert(self, request: Any, caller: Caller, response: Response[R]) -> R:
        """Serves Upsert."""
        write = self._requests.upsert(request, caller)
        outcome, kept, view = await self._catalog.write_asset(write, validate_only=request.validate_only)
        return self._respond(response, view, outcome=wire.outcome_message(outcome), kept_fields=kept)

    async def update(self, request: Any, caller: Caller, response: Response[R]) -> R:
        """Serves Update."""
        write = self._requests.update(request, caller)
        _, _, view = await self._catalog.write_asset(write, validate_only=request.validate_only)
        return self._respond(response, view)

    async def delete(self, request: Any, caller: Caller, response: Response[R]) -> R:
        """Serves Delete."""
        write = self._requests.delete(request, caller)
        deletion = self._catalog.write_asset(write, validate_only=request.validate_only)
        written = await unless_missing(deletion, allowed=request.allow_missing)
        return self._respond(response, written[2]) if written else response()

    async def restore(self, request: Any, caller: Caller, response: Response[R]) -> R:
        """Serves Restore."""
        _, _, view = await self._catalog.write_asset(self._requests.restore(request, caller))
        return self._respond(response, view)

    async def get(self, request: Any, caller: Caller, response: Response[R]) -> R:
        """Serves Get."""
        read, fields = self._requests.read(request, caller)
        view = await self._catalog.get_asset(read)
        return response(**{self._name: _shown(view, fields)})

    async def list(self, request: Any, caller: Caller, response: Response[R]) -> R:
        """Serves List."""
        listing, fields = self._requests.listing(request, caller)
        page = await self._catalog.list_assets(listing)
        shown = ((view.record, self._resource(**_shown(view, fields))) for view in page.assets)
        messages, token = fill_page(shown, listing.token_after, more=page.more)
        return response(next_page_token=token, total=page.total, **{f"{self._name}s": messages})

    def _respond(self, response: Response[R], view: AssetView, **fields: Any) -> R:
        return response(**{self._name: wire.asset_fields(view)}, **fields)


def _shown(view: AssetView, only: frozenset[str]) -> dict[str, Any]:
    """Returns the fields of an asset, or those of a read mask."""
    fields = wire.asset_fields(view)
    return {name: value for name, value in fields.items() if name in only} if only else fields
