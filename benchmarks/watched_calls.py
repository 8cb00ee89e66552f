"""Writes of `benchmarks.watching` by gRPC."""

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc.aio

from benchmarks.told import Ledger, Told
from dashboardcatalog.v1 import bulk_pb2, bulk_session_pb2, entity_pb2
from dashboardcatalog.v1.asset_pb2 import OUTCOME_CREATED, OUTCOME_RESTORED, OUTCOME_UPDATED
from dashboardcatalog.v1.catalog_service_pb2 import DeleteEntityRequest, RenameEntityRequest, UpsertEntityRequest
from dashboardcatalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.dashboard_service_pb2 import (
    DeleteDashboardRequest,
    GetDashboardRequest,
    RenameDashboardRequest,
    RestoreDashboardRequest,
    UpdateDashboardRequest,
    UpsertDashboardRequest,
)
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub
from dashboardcatalog.v1.entity_pb2 import Domain, Entity, User

CALL_SECONDS = 5.0
_WRITTEN = (OUTCOME_CREATED, OUTCOME_UPDATED, OUTCOME_RESTORED)
# Whether the call has written is unknown after the second, which a killed server leaves behind.
_REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ABORTED,
}
_UNKNOWN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}

Write = tuple[str, Callable[[], Awaitable[None]]]


class Names:
    """Random names of things that writers write."""

    SERVICES = tuple(f"s{number}" for number in range(6))

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.service = chance.choice(self.SERVICES)
        self.name, self.new_name = (f"d{chance.randrange(12)}" for _ in range(2))
        self.fqn = f"{self.service}.{self.name}"
        self.edition = f"edition {chance.random()}"
        self.user = f"u{chance.randrange(5)}"
        self.charts = [f"c{number}" for number in chance.choices(range(60), k=chance.randrange(1, 60))]

    @property
    def few_charts(self) -> list[str]:
        """Fully qualified names of charts for a dashboard."""
        return sorted({f"{self.service}.{name}" for name in self.charts[:3]})


class Calls:
    """One writer on one channel.

    Args:
        channel: Where it calls.
        metadata: Has its token.
        chance: Decides what it writes.
        ledger: Keeps what it is told.
        sessions: Ids of bulk sessions, of all writers.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        metadata: Sequence[tuple[str, str]],
        chance: random.Random,
        ledger: Ledger,
        sessions: list[str],
    ) -> None:
        self._dashboards: Any = DashboardServiceStub(channel)
        self._entities: Any = CatalogServiceStub(channel)
        self._metadata = metadata
        self._chance = chance
        self._ledger = ledger
        self._sessions = sessions

    def writes(self) -> list[Write]:
        """Returns what it may do next."""
        return [
            ("upsert", self._upsert),
            ("upsert", self._upsert),
            ("update", self._update),
            ("bulk", self._bulk),
            ("undo", self._undo),
            ("delete", lambda: self._delete(hard=False)),
            ("remove", lambda: self._delete(hard=True)),
            ("restore", self._restore),
            ("rename", self._rename),
            *self._entity_writes(),
        ]

    def _entity_writes(self) -> list[Write]:
        names, chance = Names(self._chance), self._chance
        user = Entity(user=User(name=names.user, display_name=names.edition))
        domain = Entity(domain=Domain(name=f"x{chance.randrange(5)}", display_name=names.edition))
        key: dict[str, Any] = {"kind": entity_pb2.KIND_DOMAIN, "fully_qualified_name": domain.domain.name}
        moved = RenameEntityRequest(**key, new_name=f"x{chance.randrange(5, 50)}")
        entities = self._entities

        async def call(rpc: str, request: Any) -> None:
            await self._call(rpc, getattr(entities, rpc), request)

        return [
            ("entity", lambda: call("UpsertEntity", UpsertEntityRequest(entity=user))),
            ("entity", lambda: call("UpsertEntity", UpsertEntityRequest(entity=domain))),
            ("remove entity", lambda: call("DeleteEntity", DeleteEntityRequest(**key, hard=True))),
            ("rename entity", lambda: call("RenameEntity", moved)),
        ]

    async def _upsert(self) -> None:
        names = Names(self._chance)
        spec = DashboardSpec(name=names.name, service=names.service, description=names.edition)
        await self._write("UpsertDashboard", UpsertDashboardRequest(dashboard=spec), names.edition)

    async def _update(self) -> None:
        """Updates what it has read, if nobody else has written in the meantime."""
        names = Names(self._chance)
        sent = GetDashboardRequest(fully_qualified_name=names.fqn)
        if got := await self._call("GetDashboard", self._dashboards.GetDashboard, sent):
            request = UpdateDashboardRequest(
                id=got.dashboard.id, dashboard=DashboardSpec(description=names.edition), etag=got.dashboard.etag
            )
            request.update_mask.paths.append("description")
            await self._write("UpdateDashboard", request, names.edition, base=_number(got.dashboard))

    async def _delete(self, *, hard: bool) -> None:
        request = DeleteDashboardRequest(fully_qualified_name=Names(self._chance).fqn, hard=hard)
        await self._write("DeleteDashboard", request)

    async def _restore(self) -> None:
        await self._write("RestoreDashboard", RestoreDashboardRequest(fully_qualified_name=Names(self._chance).fqn))

    async def _rename(self) -> None:
        names = Names(self._chance)
        request = RenameDashboardRequest(fully_qualified_name=names.fqn, new_name=names.new_name)
        if names.new_name != names.name:
            await self._write("RenameDashboard", request)

    async def _write(self, rpc: str, request: Any, description: str = "", base: int = 0) -> None:
        call = self._ledger.new_call()
        answer = await self._call(rpc, getattr(self._dashboards, rpc), request, call)
        is_written = not hasattr(answer, "outcome") or answer.outcome in _WRITTEN
        if answer and is_written and not getattr(request, "hard", False):
            told = Told(call, answer.dashboard.id, _number(answer.dashboard), description, base)
            self._ledger.told.append(told)

    async def _bulk(self) -> None:
        names = Names(self._chance)
        charts = [ChartSpec(name=name, service=names.service, description=names.edition) for name in names.charts]
        request = bulk_pb2.BulkUpsertRequest(items=[bulk_pb2.BulkUpsertItem(chart=chart) for chart in charts])
        request.options.result_view = bulk_pb2.RESULT_VIEW_ALL
        call = self._ledger.new_call()

        def take(message: bulk_pb2.BulkUpsertResponse) -> None:
            if message.HasField("started"):
                self._sessions.append(message.started.session_id)
            for result in message.progress.results:
                if result.outcome in _WRITTEN:
                    is_kept = "description" in result.kept_fields
                    told = Told(call, result.id, _number(result), "" if is_kept else names.edition)
                    self._ledger.told.append(told)

        await self._stream("BulkUpsert", self._dashboards.BulkUpsert, iter([request]), call, take)

    async def _undo(self) -> None:
        """Reverts one of the newest sessions, of whichever writer."""
        if self._sessions:
            session = self._chance.choice(self._sessions[-20:])
            request = bulk_session_pb2.RevertSessionRequest(session_id=session)
            call = self._ledger.new_call()
            await self._stream("RevertSession", self._entities.RevertSession, request, call, lambda _: None)

    async def _stream(self, rpc: str, method: Any, request: Any, call: str, take: Callable[[Any], None]) -> None:
        async def read(sent: Any, **how: Any) -> None:
            async for message in method(sent, **how):
                take(message)

        await self._call(rpc, read, request, call, is_stream=True)

    async def _call(self, rpc: str, method: Any, request: Any, call: str = "", *, is_stream: bool = False) -> Any:
        call = call or self._ledger.new_call()
        code = grpc.StatusCode.OK
        try:
            metadata = [*self._metadata, ("x-request-id", call)]
            return await method(request, metadata=metadata, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            code = error.code()
            # What a stream has written before its error stays.
            if code in _REFUSALS and not is_stream:
                self._ledger.refused[call] = code.name
            elif code not in _UNKNOWN and code not in _REFUSALS:
                self._ledger.problems.append(f"{rpc} {code.name}: {error.details()}")
            return None
        finally:
            self._ledger.answers[f"{rpc} {code.name}"] += 1


def _number(asset: Any) -> int:
    version: float = asset.version
    return round(version * 10)
