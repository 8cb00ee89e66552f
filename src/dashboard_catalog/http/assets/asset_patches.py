"""Patches of dashboards and charts: each becomes an update of the fields that it changes."""

from typing import Any

from fastapi import Request, Response
from google.protobuf.field_mask_pb2 import FieldMask

from dashboard_catalog.catalog.properties.extension_rules import same_json
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.http.assets.asset_answers import AssetAnswers
from dashboard_catalog.http.assets.asset_reads import AssetReads
from dashboard_catalog.http.assets.asset_writes import AssetWrites
from dashboard_catalog.http.dialect.answers import JsonAnswer
from dashboard_catalog.http.dialect.references import References
from dashboard_catalog.http.dialect.requests import asset_spec, checked
from dashboard_catalog.http.edge.calls import call_of
from dashboard_catalog.http.patching.patching import Patching

_FIXED = frozenset({"name", "service"})
# Where OpenMetadata's name of a field is not that of the contract.
_THEIRS = {"domain": "domains"}
_OURS = {theirs: ours for ours, theirs in _THEIRS.items()}


class AssetPatches:
    """The routes that patch one kind of asset.

    Args:
        messages: The messages of the kind.
        reads: Reads what is patched.
        writes: Writes the update.
        answers: Has the room of what is read.
        references: Finds what patched references mean.
    """

    def __init__(
        self,
        messages: AssetMessages,
        *,
        reads: AssetReads,
        writes: AssetWrites,
        answers: AssetAnswers,
        references: References,
    ) -> None:
        self._messages = messages
        self._kind = messages.kind.name
        self._requests = AssetRequests(messages)
        self._reads = reads
        self._writes = writes
        self._references = references
        fields = (field.json_name for field in messages.spec.DESCRIPTOR.fields if field.name not in _FIXED)
        writable = frozenset(_THEIRS.get(field, field) for field in fields)
        self._patching = Patching(self._kind, writable, answers.room_of, self._write)

    async def patch(self, request: Request, id: str) -> Response:
        """Serves PATCH by id."""
        sent = self._messages.request("Get")(id=id)
        return await self._patching.answer(request, lambda room: self._reads.answer(request, sent, "*", room))

    async def patch_by_name(self, request: Request, fqn: str) -> Response:
        """Serves PATCH by fully qualified name."""
        return await self._patching.answer(
            request, lambda room: self._reads.named(request, fqn, "non-deleted", "*", room)
        )

    async def _write(self, request: Request, before: dict[str, Any], changes: dict[str, Any], etag: str) -> JsonAnswer:
        call = call_of(request)
        sent = self._messages.request("Update")(
            id=before["id"],
            etag=etag,
            update_mask=FieldMask(paths=[_OURS.get(field, field) for field in changes]),
            **{self._kind: asset_spec(call, self._kind, await self._body(request, before, changes))},
        )
        return await self._writes.answer(request, self._requests.update(checked(sent), call.caller))

    async def _body(self, request: Request, before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        """Returns the new values as a body of PUT has them."""
        body, call = {field: value for field, value in changes.items() if value is not None}, call_of(request)
        if "owners" in body:
            body["owners"] = await self._references.owners(body["owners"], before.get("owners"), call)
        for field, kind in (("domains", "domain"), ("charts", "chart")):
            if field in body:
                body[field] = await self._references.named(kind, body[field], before.get(field), field, call)
        if isinstance(extension := body.get("extension"), dict):
            old = before.get("extension", {})
            keys = [key for key in {**old, **extension} if not same_json(old.get(key), extension.get(key))]
            body["extension"] = {key: extension.get(key) for key in keys}
        return body
