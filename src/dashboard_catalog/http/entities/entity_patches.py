"""Patches of entities: each becomes an upsert of the members that it changes."""

from typing import Any

from fastapi import Request, Response

from dashboard_catalog.http.dialect.answers import JsonAnswer
from dashboard_catalog.http.entities.entity_answers import EntityAnswers
from dashboard_catalog.http.entities.entity_reads import EntityReads
from dashboard_catalog.http.entities.entity_resources import EntityResource
from dashboard_catalog.http.entities.entity_writes import EntityWrites
from dashboard_catalog.http.patching.patching import Patching


class EntityPatches:
    """The routes that patch one resource.

    Args:
        resource: The resource.
        reads: Reads what is patched.
        writes: Writes the upsert.
        answers: Has the room of what is read.
    """

    def __init__(
        self, resource: EntityResource, *, reads: EntityReads, writes: EntityWrites, answers: EntityAnswers
    ) -> None:
        self._kind = resource.kind
        self._reads = reads
        self._writes = writes
        self._patching = Patching(self._kind.name, resource.writable, answers.room_of, self._write)

    async def patch(self, request: Request, id: str) -> Response:
        """Serves PATCH by id."""
        return await self._patching.answer(
            request, lambda room: self._reads.answer(request, {"id": id}, "non-deleted", room)
        )

    async def patch_by_name(self, request: Request, fqn: str) -> Response:
        """Serves PATCH by fully qualified name."""
        return await self._patching.answer(request, lambda room: self._reads.named(request, fqn, "non-deleted", room))

    async def _write(self, request: Request, before: dict[str, Any], changes: dict[str, Any], etag: str) -> JsonAnswer:
        body = {field: before[field] for field in before if field in ("name", self._kind.qualifier)}
        body |= {field: value for field, value in changes.items() if value is not None}
        write = await self._writes.write_of(request, body, mask=changes)
        write.etag = etag
        return await self._writes.answer(request, write)
