"""A server that records the streams it receives, and misbehaves on demand.

It knows as much of BulkUpsert as its clients need: it checks references to services and charts, and nothing else.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from dashboard_catalog.catalog.model.qualified_names import join
from dashboardcatalog.v1 import asset_pb2, bulk_pb2, dashboard_service_pb2_grpc, entity_pb2


class SmallCatalog(dashboard_service_pb2_grpc.DashboardServiceServicer):
    """Accepts each item after the items it refers to.

    Attributes:
        streams: The messages of every stream.
        authorizations: The `authorization` of every stream.
        hang_after: Number of items after which it stops answering.
        break_after: Number of items after which it goes away.
        breaks: How many times it goes away.
        is_superseded: Whether it says, instead of going away, that another connection has the session.
    """

    def __init__(self) -> None:
        self.streams: list[list[bulk_pb2.BulkUpsertRequest]] = []
        self.authorizations: list[object] = []
        self.hang_after: int | None = None
        self.break_after: int | None = None
        self.breaks = 1_000
        self.is_superseded = False
        self._known: set[tuple[str, str]] = set()
        # The number of items by outcome, per session.
        self._sessions: dict[str, Counter[str]] = {}

    def add_to(self, server: grpc.aio.Server) -> None:
        """Lets a server serve it."""
        dashboard_service_pb2_grpc.add_DashboardServiceServicer_to_server(self, server)

    # The generated signature leaves open whether a servicer is sync or aio.
    async def BulkUpsert(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        stream: list[bulk_pb2.BulkUpsertRequest] = []
        self.streams.append(stream)
        self.authorizations.append(dict(context.invocation_metadata()).get("authorization"))
        options, counts = bulk_pb2.BulkUpsertOptions(), Counter[str]()
        async for request in requests:
            stream.append(request)
            if request.HasField("options"):
                options = request.options
                counts = self._sessions.setdefault(options.session_id, Counter())
                started = bulk_pb2.BulkUpsertStarted(session_id=options.session_id, next_offset=counts.total())
                yield bulk_pb2.BulkUpsertResponse(started=started)
            yield bulk_pb2.BulkUpsertResponse(progress=await self._taken(request, counts, context))
            if counts["failed"] > options.max_failures:
                break
        summary = json_format.ParseDict(dict(counts), bulk_pb2.BulkUpsertSummary())
        yield bulk_pb2.BulkUpsertResponse(summary=summary)
        if counts["failed"] > options.max_failures:
            text = f"more than {options.max_failures} items failed"
            await abort(context, error_status(code_pb2.FAILED_PRECONDITION, "TOO_MANY_FAILURES", text))

    async def _taken(
        self, request: bulk_pb2.BulkUpsertRequest, counts: "Counter[str]", context: Any
    ) -> bulk_pb2.BulkUpsertProgress:
        done = counts.total()
        new = request.items[done - request.offset :] if request.items else ()
        failed = [one for at, item in enumerate(new, start=done) for one in self._failed(at, item)]
        counts.update(failed=len(failed), created=len(new) - len(failed))
        await self._misbehave(counts.total(), context)
        return bulk_pb2.BulkUpsertProgress(next_offset=counts.total(), results=failed)

    async def _misbehave(self, done: int, context: Any) -> None:
        if self.hang_after is not None and done >= self.hang_after:
            await asyncio.sleep(60)
        if self.break_after is not None and done >= self.break_after and self.breaks:
            self.breaks -= 1
            if self.is_superseded:
                await abort(context, error_status(code_pb2.FAILED_PRECONDITION, "SESSION_SUPERSEDED", "it has ended"))
            await abort(context, error_status(code_pb2.UNAVAILABLE, "DRAINING", "the server is stopping"))

    def _failed(self, offset: int, item: bulk_pb2.BulkUpsertItem) -> Iterator[bulk_pb2.BulkUpsertResult]:
        which = item.WhichOneof("item")
        if which == "entity":
            self._known.add(("service", item.entity.bi_service.name))
            return
        spec = item.chart if which == "chart" else item.dashboard
        name = f"{spec.service}.{join(spec.name)}"
        if missing := list(self._missing(item)):
            kind = entity_pb2.KIND_CHART if which == "chart" else entity_pb2.KIND_DASHBOARD
            result = bulk_pb2.BulkUpsertResult(offset=offset, kind=kind, fully_qualified_name=name)
            result.outcome = asset_pb2.OUTCOME_FAILED
            result.status.CopyFrom(_invalid(missing))
            yield result
        elif which == "chart":
            self._known.add(("chart", name))

    def _missing(self, item: bulk_pb2.BulkUpsertItem) -> Iterator[tuple[str, str]]:
        """Yields the fields that refer to an absent item."""
        which = item.WhichOneof("item")
        service = item.chart.service or item.dashboard.service
        if ("service", service) not in self._known:
            yield f"{which}.service", f"no BI service {service}"
        for at, chart in enumerate(item.dashboard.charts):
            if ("chart", chart) not in self._known:
                yield f"dashboard.charts[{at}]", f"no chart {chart}"


@asynccontextmanager
async def small_server(add_to: Callable[[grpc.aio.Server], None]) -> AsyncIterator[str]:
    """Serves on its own port and yields its address.

    Args:
        add_to: Adds what to serve.
    """
    server = grpc.aio.server()
    add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


def error_status(code: int, reason: str, text: str, *details: Message) -> status_pb2.Status:
    """Returns a status as the catalog has it."""
    status = status_pb2.Status(code=code, message=text)
    info = error_details_pb2.ErrorInfo(domain="dashboardcatalog.v1", reason=reason)
    for detail in (info, error_details_pb2.RequestInfo(request_id="call-1"), *details):
        status.details.add().Pack(detail)
    return status


def _invalid(missing: list[tuple[str, str]]) -> status_pb2.Status:
    bad = error_details_pb2.BadRequest()
    for field, text in missing:
        bad.field_violations.add(field=field, description=text, reason="UNKNOWN_REFERENCE")
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    text = f"{missing[0][0]}: {missing[0][1]}{more}"
    return error_status(code_pb2.INVALID_ARGUMENT, "INVALID_REQUEST", text, bad)


async def abort(context: Any, status: status_pb2.Status) -> None:
    """Ends a call with a status."""
    code = {one.value[0]: one for one in grpc.StatusCode}[status.code]
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, status.message, trailing_metadata=details)
