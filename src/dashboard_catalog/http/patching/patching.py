"""Applies a patch to what is stored, whatever its kind.

The patch applies to the JSON that GET answers. The members that it changes there become a write, which is bound to the
state that was read. If someone else writes in the meantime, everything is done again.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from fastapi import Request

from dashboard_catalog.calls.answer_room import CallRoom
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.dialect.answers import JsonAnswer
from dashboard_catalog.http.dialect.requests import expected_etag, sent_json
from dashboard_catalog.http.edge.calls import call_of
from dashboard_catalog.http.patching.json_patch import Operation, changes_between, patched, read_patch

Read = Callable[[CallRoom], Awaitable[JsonAnswer]]
"""Returns the answer to GET, with its etag."""

Write = Callable[[Request, dict[str, Any], dict[str, Any], str], Awaitable[JsonAnswer]]
"""Writes what a patch changes: what was read, the members that change with None for those to clear, and the etag."""

# Two writers of the same thing rarely collide twice.
_ATTEMPTS = 5


class Patching:
    """Serves PATCH of one kind of thing.

    Args:
        kind: Name of the kind, for what is dropped.
        writable: The members of the JSON that a patch can write.
        room_of: Returns the room of an answer.
        write: Writes what changes.
    """

    def __init__(
        self, kind: str, writable: Collection[str], room_of: Callable[[Request], CallRoom], write: Write
    ) -> None:
        self._kind = kind
        self._writable = writable
        self._room_of = room_of
        self._write = write

    async def answer(self, request: Request, read: Read) -> JsonAnswer:
        """Returns the answer to PATCH of what `read` reads.

        Raises:
            CatalogError: ABORTED if what is stored is not that of `If-Match`.
        """
        operations, dropped = read_patch(await sent_json(request), self._writable)
        call_of(request).drop(f"{self._kind}.{member}" for member in dropped)
        expected = expected_etag(request)
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._apply(request, read, operations, expected)
            except CatalogError as error:
                if error.reason is not Reason.ETAG_MISMATCH or expected:
                    raise
        return await self._apply(request, read, operations, expected)

    async def _apply(self, request: Request, read: Read, operations: list[Operation], expected: str) -> JsonAnswer:
        room = self._room_of(request)
        answer = await read(room)
        etag = answer.headers["etag"].strip('"')
        if expected not in ("", etag):
            raise CatalogError(Reason.ETAG_MISMATCH, "what is stored is not that of If-Match")
        before = json.loads(bytes(answer.body))
        # Many operations, or few on a large document, take so long that other calls must be served meanwhile.
        after = await asyncio.to_thread(patched, before, operations)
        changes = changes_between(before, after, self._writable)
        if not changes:
            return answer
        del answer
        room.leave()
        return await self._write(request, before, changes, etag)
