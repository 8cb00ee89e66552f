"""A catalog that stores only the offset of each session and the items that it refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
from google.rpc import code_pb2, status_pb2

from dashboardcatalog.v1 import asset_pb2, bulk_pb2, dashboard_service_pb2_grpc, entity_pb2


@dataclass(slots=True)
class _Session:
    next_offset: int = 0
    refused: dict[int, bulk_pb2.BulkUpsertResult] = field(default_factory=dict)


class Forgetful(dashboard_service_pb2_grpc.DashboardServiceServicer):
    """Refuses charts whose name begins with `bad`.

    Attributes:
        address: Where it listens.
        results_apart: Whether it sends each result in a message of its own, before the acknowledgement.
        is_silent: Whether it acknowledges nothing.
        cut_before: Number of the response, counted over all streams, that is replaced by a cut.
        end_before: Number of the response before which the stream ends well, although items are missing.
        responses: Number of responses so far.
        streams: Number of streams so far.
        open_streams: Number of streams that are open.
    """

    def __init__(self) -> None:
        self.address = ""
        self.results_apart = False
        self.is_silent = False
        self.cut_before: int | None = None
        self.end_before: int | None = None
        self.responses = 0
        self.streams = 0
        self.open_streams = 0
        self._sessions: dict[str, _Session] = {}

    # The generated signature leaves open whether a servicer is sync or aio.
    async def BulkUpsert(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        self.streams += 1
        self.open_streams += 1
        try:
            async for response in self._responses(requests):
                if self.responses == self.end_before:
                    self.responses += 1
                    yield bulk_pb2.BulkUpsertResponse(summary=bulk_pb2.BulkUpsertSummary())
                    return
                if self.responses == self.cut_before:
                    self.responses += 1
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
                self.responses += 1
                yield response
        finally:
            self.open_streams -= 1

    async def _responses(self, requests: AsyncIterator[bulk_pb2.BulkUpsertRequest]) -> AsyncIterator[Any]:
        session = _Session()
        async for request in requests:
            if request.HasField("options"):
                session = self._sessions.setdefault(request.options.session_id, _Session())
                started = bulk_pb2.BulkUpsertStarted(next_offset=session.next_offset)
                yield bulk_pb2.BulkUpsertResponse(started=started)
            elif request.items and not self.is_silent:
                for progress in self._taken(session, request):
                    yield bulk_pb2.BulkUpsertResponse(progress=progress)
        failed = len(session.refused)
        summary = bulk_pb2.BulkUpsertSummary(created=session.next_offset - failed, failed=failed)
        yield bulk_pb2.BulkUpsertResponse(summary=summary)

    def _taken(self, session: _Session, request: bulk_pb2.BulkUpsertRequest) -> "list[bulk_pb2.BulkUpsertProgress]":
        assert request.offset <= session.next_offset
        end = request.offset + len(request.items)
        for offset, item in enumerate(request.items, start=request.offset):
            if offset >= session.next_offset and item.chart.name.startswith("bad"):
                session.refused[offset] = _refused(offset, item.chart.name)
        session.next_offset = max(session.next_offset, end)
        results = [session.refused[offset] for offset in sorted(session.refused) if request.offset <= offset < end]
        if not self.results_apart:
            return [bulk_pb2.BulkUpsertProgress(next_offset=end, results=results)]
        first = [bulk_pb2.BulkUpsertProgress(next_offset=request.offset, results=[one]) for one in results]
        return [*first, bulk_pb2.BulkUpsertProgress(next_offset=end)]


def _refused(offset: int, name: str) -> bulk_pb2.BulkUpsertResult:
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="is bad")
    return bulk_pb2.BulkUpsertResult(
        offset=offset,
        kind=entity_pb2.KIND_CHART,
        fully_qualified_name=name,
        outcome=asset_pb2.OUTCOME_FAILED,
        status=status,
    )


@asynccontextmanager
async def forgetful_server(catalog: Forgetful) -> AsyncIterator[str]:
    """Serves the catalog on its own port and yields its address."""
    server = grpc.aio.server()
    dashboard_service_pb2_grpc.add_DashboardServiceServicer_to_server(catalog, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)
