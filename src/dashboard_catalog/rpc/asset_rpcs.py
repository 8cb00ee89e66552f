"""The RPCs that every kind of asset has, written once.

Each is check, call, convert. A servicer passes its requests on and names the answer's message.
"""

from typing import Any

from google.protobuf.message import Message

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.commands import Outcome
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.reading.views import AssetView
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.pages import fill_page
from dashboard_catalog.errors import CatalogError, Reason


class AssetCalls:
    """Serves one kind of asset.

    Args:
        spec: The message that callers write.
        resource: The message that is answered.
    """

    def __init__(self, catalog: Catalog, kind: AssetKind, spec: type[Message], resource: type[Message]) -> None:
        self._catalog = catalog
        self._kind = kind
        self._requests = AssetRequests(kind, spec, resource)
        self._resource = resource

    async def create(self, request: Any, answer: type[Any]) -> Any:
        """Serves Create."""
        write = self._requests.create(request)
        return self._answer(answer, await self._catalog.write_asset(write, validate_only=request.validate_only))

    async def upsert(self, request: Any, answer: type[Any]) -> Any:
        """Serves Upsert."""
        write = self._requests.upsert(request)
        outcome, kept, view = await self._catalog.write_asset(write, validate_only=request.validate_only)
        shown = {self._kind.name: wire.asset_fields(view)}
        return answer(outcome=wire.outcome_message(outcome), kept_fields=kept, **shown)

    async def update(self, request: Any, answer: type[Any]) -> Any:
        """Serves Update."""
        write = self._requests.update(request)
        return self._answer(answer, await self._catalog.write_asset(write, validate_only=request.validate_only))

    async def delete(self, request: Any, answer: type[Any]) -> Any:
        """Serves Delete."""
        write = self._requests.delete(request)
        try:
            written = await self._catalog.write_asset(write, validate_only=request.validate_only)
        except CatalogError as error:
            if request.allow_missing and error.reason is Reason.NOT_FOUND:
                return answer()
            raise
        return self._answer(answer, written)

    async def restore(self, request: Any, answer: type[Any]) -> Any:
        """Serves Restore."""
        return self._answer(answer, await self._catalog.write_asset(self._requests.restore(request)))

    async def get(self, request: Any, answer: type[Any]) -> Any:
        """Serves Get."""
        read, fields = self._requests.read(request)
        return answer(**{self._kind.name: self._shown(await self._catalog.get_asset(read), fields)})

    async def list(self, request: Any, answer: type[Any]) -> Any:
        """Serves List."""
        listing, fields = self._requests.listing(request)
        page = await self._catalog.list_assets(listing)
        shown = ((view.record, self._resource(**self._shown(view, fields))) for view in page.assets)
        messages, token = fill_page(shown, listing.token_after, more=page.more)
        return answer(next_page_token=token, total=page.total, **{f"{self._kind.name}s": messages})

    def _answer(self, answer: type[Any], written: tuple[Outcome, tuple[str, ...], AssetView]) -> Any:
        return answer(**{self._kind.name: wire.asset_fields(written[2])})

    def _shown(self, view: AssetView, only: frozenset[str]) -> dict[str, Any]:
        fields = wire.asset_fields(view)
        return {name: value for name, value in fields.items() if name in only} if only else fields
