"""A catalog of a few lines behind the generated servicers: enough to see what the commands do with answers.

It writes down every message of every stream, so that tests can look at what a command sends.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from dashboard_catalog.catalog.names import join
from dashboards.v1 import (
    asset_pb2,
    bulk_pb2,
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    chart_pb2,
    chart_service_pb2,
    chart_service_pb2_grpc,
    dashboard_pb2,
    dashboard_service_pb2,
    dashboard_service_pb2_grpc,
    entity_pb2,
)

TOKEN = "small.catalog.token"

Key = tuple[int, str]


class SmallCatalog(
    dashboard_service_pb2_grpc.DashboardServiceServicer,
    chart_service_pb2_grpc.ChartServiceServicer,
    catalog_service_pb2_grpc.CatalogServiceServicer,
):
    """Keeps specs by kind and name; knows services and charts as references, and versions that only grow."""

    def __init__(self) -> None:
        self.kept: dict[Key, tuple[Any, int]] = {}
        self.streams: list[list[bulk_pb2.BulkUpsertRequest]] = []
        self.hang_after: int | None = None
        self.break_after: int | None = None

    # The generated signatures leave open whether a servicer is sync or aio.
    async def BulkUpsert(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        await _authenticate(context)
        stream: list[bulk_pb2.BulkUpsertRequest] = []
        self.streams.append(stream)
        options, counts, done = bulk_pb2.BulkUpsertOptions(), Counter[str](), 0
        async for request in requests:
            if request.HasField("options"):
                options = request.options
                yield bulk_pb2.BulkUpsertResponse(started=bulk_pb2.BulkUpsertStarted(session_id="one"))
            stream.append(request)
            results = [self._write(done + at, item, options) for at, item in _in_order(request.items)]
            done += len(request.items)
            for result in results:
                counts[_name(result.outcome)] += 1
            await self._misbehave(done, context)
            failed = [result for result in results if result.outcome == asset_pb2.OUTCOME_FAILED]
            progress = bulk_pb2.BulkUpsertProgress(next_offset=done, results=failed)
            yield bulk_pb2.BulkUpsertResponse(progress=progress)
            if counts["failed"] > options.max_failures:
                break
        summary = json_format.ParseDict(dict(counts), bulk_pb2.BulkUpsertSummary())
        yield bulk_pb2.BulkUpsertResponse(summary=summary)
        if counts["failed"] > options.max_failures:
            text = f"more than {options.max_failures} items failed"
            await _end(context, _status(code_pb2.FAILED_PRECONDITION, "TOO_MANY_FAILURES", text))

    async def GetDashboard(self, request: Any, context: Any) -> Any:
        await _authenticate(context)
        found = await self._found(context, entity_pb2.KIND_DASHBOARD, request.fully_qualified_name)
        return dashboard_service_pb2.GetDashboardResponse(dashboard=found)

    async def GetChart(self, request: Any, context: Any) -> Any:
        await _authenticate(context)
        found = await self._found(context, entity_pb2.KIND_CHART, request.fully_qualified_name)
        return chart_service_pb2.GetChartResponse(chart=found)

    async def GetEntity(self, request: Any, context: Any) -> Any:
        await _authenticate(context)
        found = await self._found(context, request.kind, request.fully_qualified_name)
        return catalog_service_pb2.GetEntityResponse(entity=_wrapped(request.kind, found))

    async def ListDashboards(self, request: Any, context: Any) -> Any:
        page, rest = await self._page(context, entity_pb2.KIND_DASHBOARD, request)
        return dashboard_service_pb2.ListDashboardsResponse(dashboards=page, next_page_token=rest, total=7)

    async def ListCharts(self, request: Any, context: Any) -> Any:
        page, rest = await self._page(context, entity_pb2.KIND_CHART, request)
        return chart_service_pb2.ListChartsResponse(charts=page, next_page_token=rest)

    async def ListEntities(self, request: Any, context: Any) -> Any:
        page, rest = await self._page(context, request.kind, request)
        entities = [_wrapped(request.kind, one) for one in page]
        return catalog_service_pb2.ListEntitiesResponse(entities=entities, next_page_token=rest)

    async def _misbehave(self, done: int, context: Any) -> None:
        if self.hang_after is not None and done >= self.hang_after:
            await asyncio.sleep(60)
        if self.break_after is not None and done >= self.break_after:
            await _end(context, _status(code_pb2.UNAVAILABLE, "DRAINING", "the server is stopping"))

    def _write(
        self, offset: int, item: bulk_pb2.BulkUpsertItem, options: bulk_pb2.BulkUpsertOptions
    ) -> bulk_pb2.BulkUpsertResult:
        kind, name, spec = _told(item)
        result = bulk_pb2.BulkUpsertResult(offset=offset, kind=kind, fully_qualified_name=name)
        if missing := list(self._missing(item)):
            result.outcome = asset_pb2.OUTCOME_FAILED
            result.status.CopyFrom(_invalid(missing))
            return result
        before, version = self.kept.get((kind, name), (None, 0))
        if before == spec:
            result.outcome = asset_pb2.OUTCOME_UNCHANGED
        else:
            result.outcome = asset_pb2.OUTCOME_UPDATED if before else asset_pb2.OUTCOME_CREATED
            if not options.validate_only:
                self.kept[kind, name] = (spec, version + 1)
        return result

    def _missing(self, item: bulk_pb2.BulkUpsertItem) -> Iterator[tuple[str, str]]:
        """Yields the fields that refer to nothing."""
        which = item.WhichOneof("item")
        if which == "entity":
            return
        spec = getattr(item, which or "")
        if (entity_pb2.KIND_BI_SERVICE, spec.service) not in self.kept:
            yield f"{which}.service", f"no BI service {spec.service}"
        for at, chart in enumerate(spec.charts if which == "dashboard" else ()):
            if (entity_pb2.KIND_CHART, chart) not in self.kept:
                yield f"{which}.charts[{at}]", f"no chart {chart}"

    async def _found(self, context: Any, kind: int, name: str) -> Any:
        if (kind, name) not in self.kept:
            await _end(context, _status(code_pb2.NOT_FOUND, "NOT_FOUND", f"no {_kind_name(kind)} {name}"))
        return _answered(kind, name, *self.kept[kind, name])

    async def _page(self, context: Any, kind: int, request: Any) -> tuple[list[Any], str]:
        await _authenticate(context)
        if request.name_prefix == "refuse":
            await _end(context, _invalid([("order_by", "is no order"), ("owner", "is no owner")]))
        names = sorted(name for held, name in self.kept if held == kind)
        names = [name for name in names if request.name_prefix in name]
        start = int(request.page_token or 0)
        end = start + (request.page_size or 50)
        page = [_answered(kind, name, *self.kept[kind, name]) for name in names[start:end]]
        return page, str(end) if end < len(names) else ""


@contextmanager
def serving(catalog: SmallCatalog) -> Iterator[str]:
    """Serves the catalog on a port of its own, in a thread, and gives its address."""
    ready: Future[str] = Future()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=[_serve(catalog, ready, stop)])
    thread.start()
    try:
        yield ready.result(10)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _serve(catalog: SmallCatalog, ready: Future[str], stop: asyncio.Event) -> None:
    server = grpc.aio.server()
    dashboard_service_pb2_grpc.add_DashboardServiceServicer_to_server(catalog, server)
    chart_service_pb2_grpc.add_ChartServiceServicer_to_server(catalog, server)
    catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ready.set_result(f"127.0.0.1:{port}")
    await stop.wait()
    await server.stop(None)


def _kind_name(kind: int) -> str:
    return entity_pb2.Kind.Name(kind).removeprefix("KIND_").lower()  # type: ignore[arg-type]


def _in_order(items: Any) -> list[tuple[int, bulk_pb2.BulkUpsertItem]]:
    order = ["entity", "chart", "dashboard"]
    return sorted(enumerate(items), key=lambda one: order.index(one[1].WhichOneof("item")))


def _told(item: bulk_pb2.BulkUpsertItem) -> tuple[Any, str, Any]:
    which = item.WhichOneof("item")
    if which == "entity":
        held = item.entity.WhichOneof("entity") or ""
        spec = getattr(item.entity, held)
        above = [getattr(spec, field) for field in ("parent", "classification") if getattr(spec, field, "")]
        return entity_pb2.Kind.Value(f"KIND_{held.upper()}"), ".".join([*above[-1:], join(spec.name)]), spec
    spec = getattr(item, which or "")
    kind = entity_pb2.KIND_CHART if which == "chart" else entity_pb2.KIND_DASHBOARD
    return kind, f"{spec.service}.{join(spec.name)}", spec


def _answered(kind: int, name: str, spec: Any, version: int) -> Any:
    """Returns the resource of a spec: the fields of the same name, and references in place of names."""
    made = {entity_pb2.KIND_DASHBOARD: dashboard_pb2.Dashboard(), entity_pb2.KIND_CHART: chart_pb2.Chart()}
    resource: Message = made.get(kind, type(spec)())  # type: ignore[call-overload]
    body = json_format.MessageToDict(spec)
    if kind in made:
        body["service"] = {"type": "dashboardService", "fullyQualifiedName": spec.service}
        body["domains"] = [{"type": "domain", "fullyQualifiedName": spec.domain}] if body.pop("domain", "") else []
        body["version"] = version / 10
    if "charts" in body:
        body["charts"] = [{"type": "chart", "fullyQualifiedName": chart} for chart in body["charts"]]
    return json_format.ParseDict(body | {"fullyQualifiedName": name}, resource)


def _wrapped(kind: int, entity: Any) -> entity_pb2.Entity:
    return entity_pb2.Entity(**{_kind_name(kind): entity})


def _name(outcome: int) -> str:
    return asset_pb2.Outcome.Name(outcome).removeprefix("OUTCOME_").lower()  # type: ignore[arg-type]


def _status(code: int, reason: str, text: str, *details: Message) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=text)
    info = error_details_pb2.ErrorInfo(domain="dashboards.v1", reason=reason)
    for detail in (info, error_details_pb2.RequestInfo(request_id="call-1"), *details):
        status.details.add().Pack(detail)
    return status


def _invalid(missing: list[tuple[str, str]]) -> status_pb2.Status:
    bad = error_details_pb2.BadRequest()
    for field, text in missing:
        bad.field_violations.add(field=field, description=text, reason="UNKNOWN_REFERENCE")
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    text = f"{missing[0][0]}: {missing[0][1]}{more}"
    return _status(code_pb2.INVALID_ARGUMENT, "INVALID_REQUEST", text, bad)


async def _authenticate(context: Any) -> None:
    if ("authorization", f"Bearer {TOKEN}") not in context.invocation_metadata():
        await _end(context, _status(code_pb2.UNAUTHENTICATED, "TOKEN_MISSING", "the call has no token"))


async def _end(context: Any, status: status_pb2.Status) -> None:
    code = {one.value[0]: one for one in grpc.StatusCode}[status.code]
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, status.message, trailing_metadata=details)
