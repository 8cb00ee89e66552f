"""Writes of dashboards and charts, except patches."""

from typing import Any
from uuid import uuid4

from fastapi import Request, Response

from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.commands import AssetWrite, Outcome
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.http.assets.asset_answers import AssetAnswers
from dashboard_catalog.http.dialect.answers import JsonAnswer
from dashboard_catalog.http.dialect.lookups import find_by_name
from dashboard_catalog.http.dialect.parameters import HardDelete
from dashboard_catalog.http.dialect.requests import asset_spec, checked, expected_etag, sent_object
from dashboard_catalog.http.dialect.service_names import ServiceNames
from dashboard_catalog.http.edge.calls import call_of


class AssetWrites:
    """The routes that write one kind of asset.

    Args:
        messages: The messages of the kind.
        catalog: What is behind the door.
        answers: Makes the answers.
        services: Finds the BI service in a body.
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

    async def put(self, request: Request) -> Response:
        """Serves PUT. It is ingestion if the caller is a bot, and an edit otherwise."""
        sent = self._messages.request("Upsert")(**await self._spec(request), etag=expected_etag(request))
        return await self.answer(request, self._requests.upsert(checked(sent), call_of(request).caller))

    async def post(self, request: Request) -> Response:
        """Serves POST."""
        sent = self._messages.request("Create")(**await self._spec(request))
        return await self.answer(request, self._requests.create(checked(sent), call_of(request).caller))

    async def restore(self, request: Request) -> Response:
        """Serves PUT of an id to restore."""
        sent = self._messages.request("Restore")(id=str((await sent_object(request)).get("id", "")))
        return await self.answer(request, self._requests.restore(checked(sent), call_of(request).caller))

    async def delete(self, request: Request, id: str, *, hard: HardDelete = False) -> Response:
        """Serves DELETE by id."""
        return await self._delete(request, {"id": id}, hard=hard)

    async def delete_by_name(self, request: Request, fqn: str, *, hard: HardDelete = False) -> Response:
        """Serves DELETE by fully qualified name."""

        async def delete(name: str, _: str) -> JsonAnswer:
            return await self._delete(request, {"fully_qualified_name": name}, hard=hard)

        return await find_by_name(fqn, "", delete)

    async def delete_async(self, request: Request, id: str, *, hard: HardDelete = False) -> Response:
        """Serves DELETE as a job. It has ended when it is answered."""
        await self._delete(request, {"id": id}, hard=hard)
        return JsonAnswer({"jobId": str(uuid4()), "message": f"the {self._kind} has been deleted"})

    async def answer(self, request: Request, write: AssetWrite) -> JsonAnswer:
        """Writes, and returns the answer."""
        written = await self._catalog.write_asset(write)
        status = 201 if written.outcome is Outcome.CREATED else 200

        async def build() -> JsonAnswer:
            return self._answers.one(request, written.view, status=status)

        return await self._answers.room_of(request).hold(build, patient=True)

    async def _spec(self, request: Request) -> dict[str, Any]:
        call = call_of(request)
        body = await self._services.with_service(await sent_object(request), call)
        return {self._kind: asset_spec(call, self._kind, body)}

    async def _delete(self, request: Request, key: dict[str, str], *, hard: bool) -> JsonAnswer:
        sent = self._messages.request("Delete")(**key, hard=hard, etag=expected_etag(request))
        return await self.answer(request, self._requests.delete(checked(sent), call_of(request).caller))
