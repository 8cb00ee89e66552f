"""The stream of ExportCatalog: pieces are read, and leave as responses while nothing is held but their memory."""

from collections.abc import AsyncGenerator

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.reading.room import MAX_ANSWER_BYTES, SMALL_ANSWER_BYTES
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.export_messages import export_request, portions_of
from dashboardcatalog.v1 import export_pb2

# Rows, views and messages of a piece exist side by side while it is built.
_BUILDING = 4


async def serve_export(
    catalog: Catalog, room: AnswerRoom, request: export_pb2.ExportCatalogRequest, caller: Caller
) -> AsyncGenerator[export_pb2.ExportCatalogResponse, None]:
    """Yields the responses of one call of ExportCatalog.

    Args:
        room: Where a piece is in memory, until its responses have left.

    Raises:
        CatalogError: If the export cannot begin, or ends early.
    """
    export = await catalog.open_export(export_request(request, caller))
    yield export_pb2.ExportCatalogResponse(watch_token=export.watch_token, resume_token=export.token_after())
    while True:
        taken = MAX_ANSWER_BYTES * _BUILDING
        await room.take(caller.principal.subject, taken, patient=True)
        try:
            piece = await export.read()
            if piece is None:
                return
            responses = [
                export_pb2.ExportCatalogResponse(items=items, resume_token=export.token_after(after))
                for items, after in portions_of(piece)
            ]
            del piece
            size = sum(response.ByteSize() for response in responses)
            kept = size if size > SMALL_ANSWER_BYTES else 0
            room.give_back(caller.principal.subject, taken - min(kept, taken))
            taken = min(kept, taken)
            for response in responses:
                yield response
        finally:
            room.give_back(caller.principal.subject, taken)
