"""Puts the server together and runs it: settings -> store -> servicers -> edge -> serve, drain, stop.

This is the one place that knows every part. It gives each part what it needs, so that no part knows the settings.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from typing import cast

import grpc.aio
import structlog
from grpc_health.v1 import health_pb2_grpc

from dashboard_catalog import logs
from dashboard_catalog.auth.claims import ClaimNames
from dashboard_catalog.auth.external_issuer import external_issuer
from dashboard_catalog.auth.issuing import ensure_admin_token
from dashboard_catalog.auth.key_sets import JwksError
from dashboard_catalog.auth.policies import Authorizer, PolicyError
from dashboard_catalog.auth.signing_key import KeyFileError, load_or_create_key
from dashboard_catalog.auth.tokens import Authenticator
from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.calls.call import add_call
from dashboard_catalog.calls.certificates import Certificate, CertificateError
from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.calls.shares import Shares
from dashboard_catalog.catalog.bulk.retention import keep_expiring
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.companion import accompanied
from dashboard_catalog.doors import StartError, bind, http_door, metrics_door
from dashboard_catalog.http.door import Behind, HttpDoor
from dashboard_catalog.index.folders import IndexFolder
from dashboard_catalog.index.searching import SearchIndex
from dashboard_catalog.indexer import run_indexer
from dashboard_catalog.measuring import measure, measure_event_loop
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.metrics.exchange import Exchange, Gathers, Link, Member
from dashboard_catalog.otlp.exporting import check, exporting
from dashboard_catalog.otlp.wanted import OtlpError
from dashboard_catalog.processes import (
    COULD_NOT_START,
    WorkersFailed,
    reserved,
    run_until_stopped,
    supervise,
)
from dashboard_catalog.rpc import health, reflection
from dashboard_catalog.rpc.catalog_servicer import CatalogServicer
from dashboard_catalog.rpc.chart_servicer import ChartServicer
from dashboard_catalog.rpc.dashboard_servicer import DashboardServicer
from dashboard_catalog.rpc.edge.edge import Edge
from dashboard_catalog.rpc.health import DatabaseHealth
from dashboard_catalog.rpc.transport import new_server
from dashboard_catalog.running import announced
from dashboard_catalog.settings import Settings
from dashboard_catalog.store import migrate
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.distribution.distribute import undistributed
from dashboard_catalog.store.driver_errors import problem_of
from dashboard_catalog.store.file_claim import FileInUse, claimed
from dashboard_catalog.store.schema import SchemaError
from dashboard_catalog.tracing.spans import Spans
from dashboardcatalog.v1 import catalog_service_pb2_grpc, chart_service_pb2_grpc, dashboard_service_pb2_grpc

__all__ = ["CatalogServer", "StartError", "add_servicers", "build", "prepare", "serve"]

# Kubernetes kills a process 30 seconds after it has asked it to stop. Everything else takes up to five more seconds.
DRAIN_SECONDS = 20.0
POLICY_SECONDS = 1.0

_OPEN_SERVICES = frozenset({health.SERVICE, *reflection.SERVICES})

_log = structlog.get_logger("dashboard_catalog.server")

AddServicers = Callable[[grpc.aio.Server, Catalog, AnswerRoom], Sequence[str]]
Announce = Callable[[str, Path], AbstractContextManager[None]]


def add_servicers(server: grpc.aio.Server, catalog: Catalog, room: AnswerRoom) -> Sequence[str]:
    """Adds the servicers of the contract, and returns the full names of their services."""
    dashboard_service_pb2_grpc.add_DashboardServiceServicer_to_server(DashboardServicer(catalog, room), server)
    chart_service_pb2_grpc.add_ChartServiceServicer_to_server(ChartServicer(catalog, room), server)
    catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server(CatalogServicer(catalog, room), server)
    return [f"dashboardcatalog.v1.{name}" for name in ("DashboardService", "ChartService", "CatalogService")]


class CatalogServer:
    """The server of one process. It is started once, then drained once."""

    def __init__(
        self,
        *,
        server: grpc.aio.Server,
        behind: Behind,
        database: Database,
        database_health: DatabaseHealth,
        authorizer: Authorizer,
        index: SearchIndex,
        address: str,
        http: HttpDoor | None,
    ) -> None:
        self.address = address
        """The address that it listens on, with the port that the system chose."""
        self.http = http
        """The HTTP door, if there is one."""
        self.metrics = behind.peers.metrics
        """The metrics of this process."""
        self.catalog = behind.catalog
        """What its doors serve."""
        self._server = server
        self._access_log = behind.access_log
        self._gate = behind.gate
        self.database = database
        self._health = database_health
        self._authorizer = authorizer
        self.index = index
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to serve, after a first probe of the database."""
        await self._health.probe()
        await self._server.start()
        if self.http:
            await self.http.start()
        self._background = [
            asyncio.create_task(self._health.run()),
            asyncio.create_task(_follow_policies(self._authorizer)),
            asyncio.create_task(keep_expiring(self.database)),
            asyncio.create_task(measure_event_loop(self.metrics)),
        ]

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Stops: reports that it is not healthy, refuses new calls, lets running ones end, and closes everything.

        gRPC sends clients elsewhere when it begins to stop, and cancels calls that arrive before a client has heard
        that. So it begins when no calls arrive any more: a refusal makes clients wait.

        Args:
            seconds: How long running calls may take. Those that still run afterwards are cancelled.
        """
        await self._health.drain()
        self._gate.drain()
        _log.info("draining", calls=self._gate.running)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gate.quiet()
        stopping = [asyncio.create_task(self._server.stop(grace=seconds))]
        if self.http:
            stopping.append(asyncio.create_task(self.http.stop(seconds)))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gate.idle()
        # A call counts as ended a moment before its response is sent.
        await self._server.stop(grace=1.0)
        await asyncio.gather(*stopping)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self.index.close()
        await self.database.close()
        self._access_log.flush()
        _log.info("stopped")


def serve(settings: Settings) -> None:
    """Runs the server until SIGTERM or SIGINT, and then until the running calls have ended.

    Raises:
        StartError: If it cannot run with these settings.
    """
    logs.configure(settings.log_level, settings.log_format, context=[add_call])
    try:
        check(os.environ)
        if settings.tls_cert and settings.tls_key:
            # Only here: a worker that is replaced must start, even if the certificate has expired meanwhile.
            Certificate(settings.tls_cert, settings.tls_key).check_dates()
        _prepare_files(settings)
        with _claimed_database(settings):
            _prepare_database(settings)
            exchange = Exchange("0" if settings.workers == 1 else "supervisor", Metrics())
            died = exchange.metrics.processes.companion_deaths.inc
            with accompanied(run_indexer, settings, link=lambda: exchange.joined("indexer"), died=died):
                _run(settings, exchange)
    except (KeyFileError, PolicyError, JwksError, CertificateError, WorkersFailed, FileInUse, OtlpError) as error:
        raise StartError(str(error)) from error


def _run(settings: Settings, exchange: Exchange) -> None:
    processes = exchange.metrics.processes
    if settings.workers == 1:
        processes.worker_started()
        _run_process(settings, announced, exchange)
        return

    def link(number: int) -> AbstractContextManager[Link]:
        processes.worker_started()
        return exchange.joined(str(number))

    with ExitStack() as stack:
        address = stack.enter_context(reserved(settings.listen))
        stack.enter_context(announced(str(address), settings.data_dir))
        shared = settings.model_copy(update={"address": str(address)})
        if settings.http_listen:
            http_address = stack.enter_context(reserved(settings.http_listen))
            shared = shared.model_copy(update={"http_address": str(http_address)})
        if settings.metrics_listen:
            metrics_address = stack.enter_context(reserved(settings.metrics_listen))
            shared = shared.model_copy(update={"metrics_address": str(metrics_address)})
        supervise(settings.workers, _run_worker, shared, link=link, died=processes.worker_died)


def prepare(settings: Settings) -> None:
    """Creates what the server needs on disk and in the database: key, admin token, tables of a SQLite file.

    Raises:
        KeyFileError: If there is no usable signing key.
        StartError: If the catalog cannot use the database, or its schema.
    """
    _prepare_files(settings)
    _prepare_database(settings)


def _prepare_files(settings: Settings) -> None:
    key = load_or_create_key(settings.data_dir)
    try:
        token_file = ensure_admin_token(settings.data_dir, key)
    except OSError as error:
        raise StartError(f"{error.filename or settings.data_dir}: {error.strerror}") from error
    _log.info("admin_token", path=str(token_file))


def _claimed_database(settings: Settings) -> AbstractContextManager[None]:
    """Returns a block during which no other server can use the same SQLite file. Several can use one PostgreSQL."""
    return claimed(settings.database_url) if settings.uses_sqlite else nullcontext()


def _prepare_database(settings: Settings) -> None:
    try:
        _prepare_schema(settings)
    except SchemaError as error:
        raise StartError(f"{settings.shown_database_url}: {error}") from error


def _prepare_schema(settings: Settings) -> None:
    if settings.uses_sqlite:
        _upgrade_file(settings)
        return
    try:
        if not migrate.check(settings.database_url) and (names := undistributed(settings.database_url)):
            _log.warning("tables_not_distributed", database=settings.shown_database_url, tables=names)
    except SchemaError:
        raise
    except Exception as error:  # noqa: BLE001 - the database may come back; until then the server is not healthy
        problem = problem_of(error) or type(error).__name__
        _log.warning("schema_not_checked", database=settings.shown_database_url, problem=problem)


def _upgrade_file(settings: Settings) -> None:
    try:
        # Migrations only add, so this version can use the schema of a later one.
        with suppress(migrate.SchemaLater):
            migrate.upgrade(settings.database_url)
    except Exception as error:
        if problem := problem_of(error):
            raise StartError(f"{settings.shown_database_url}: {problem}") from error
        raise


async def build(
    settings: Settings,
    servicers: AddServicers = add_servicers,
    database: Database | None = None,
    peers: Gathers | None = None,
    spans: Spans | None = None,
) -> CatalogServer:
    """Puts the server of this process together and binds its addresses.

    Args:
        settings: Checked settings, for which `prepare` has run.
        servicers: Adds the servicers.
        database: The database; by default that of the settings.
        peers: All processes of the server, for metrics; by default there is only this one.
        spans: Makes the spans of calls, if there are to be any.

    Raises:
        StartError: If an address cannot be bound.
        KeyFileError: If the signing key cannot be read.
        PolicyError: If the policies cannot be used.
        JwksError: If the keys of the external issuer cannot be used.
        CertificateError: If the certificate cannot be used.
    """
    peers = peers or Exchange("0", Metrics())
    metrics = peers.metrics
    authenticator = _authenticator(settings, metrics)
    authorizer = Authorizer(settings.policy_dir, metrics)
    database = database or Database(settings.database_url, metrics=metrics, spans=spans)
    gate = Gate(settings.max_concurrent_calls)
    # One caller must leave room for others.
    shares = Shares(max(1, settings.max_concurrent_calls // 2), max(1, settings.max_concurrent_calls // 4))
    edge = Edge(authenticator, gate, shares, _OPEN_SERVICES, metrics=metrics, spans=spans)
    server = new_server(edge, shares_address=settings.workers > 1)
    # For generated code, the edge is the server, because it finds the methods.
    by_name = cast("grpc.aio.Server", edge)
    index = SearchIndex(IndexFolder(settings.search_index_dir))
    catalog, room = Catalog(database, authorizer, index, metrics, spans), AnswerRoom()
    services = servicers(by_name, catalog, room)
    database_health = DatabaseHealth(services, database)
    health_pb2_grpc.add_HealthServicer_to_server(database_health.servicer, by_name)
    reflection.add_reflection(by_name, [*services, health.SERVICE])
    behind = Behind(
        catalog=catalog,
        room=room,
        authenticator=authenticator,
        gate=gate,
        shares=shares,
        access_log=edge.access_log,
        problem=lambda: database_health.problem,
        peers=peers,
        spans=spans,
    )
    measure(metrics, gate=gate, watchers=edge.watchers, health=database_health, index=index)
    return CatalogServer(
        server=server,
        behind=behind,
        database=database,
        database_health=database_health,
        authorizer=authorizer,
        index=index,
        address=bind(server, settings, metrics),
        http=http_door(settings, behind),
    )


def _authenticator(settings: Settings, metrics: Metrics) -> Authenticator:
    key = load_or_create_key(settings.data_dir)
    if not settings.jwks:
        return Authenticator(key)
    claims = ClaimNames(
        settings.subject_claim,
        settings.roles_claim,
        settings.teams_claim,
        settings.services_claim,
        settings.bot_claim,
    )
    issuer = external_issuer(settings.jwks, settings.issuer or "", settings.audience or "", claims, metrics)
    return Authenticator(key, issuer)


async def _follow_policies(authorizer: Authorizer) -> None:
    while True:
        await asyncio.sleep(POLICY_SECONDS)
        try:
            await asyncio.to_thread(authorizer.reload_if_changed)
        except Exception:  # noqa: BLE001 - the policies in force stay, and the next attempt may succeed
            _log.exception("policies_not_followed")
            authorizer.metrics.count_policy_load("failed")


def _run_worker(settings: Settings, link: Link) -> None:
    """Runs one process of several. Its supervisor has prepared everything."""
    logs.configure(settings.log_level, settings.log_format, context=[add_call])
    try:
        _run_process(settings, lambda _address, _data_dir: nullcontext(), Member(link, Metrics()))
    except (StartError, KeyFileError, PolicyError, JwksError, CertificateError, OtlpError) as error:
        _log.error("worker_not_started", problem=str(error))
        raise SystemExit(COULD_NOT_START) from None


def _run_process(settings: Settings, announce: Announce, peers: Gathers) -> None:
    async def main(stop_requested: asyncio.Event) -> None:
        async with exporting(os.environ) as export:
            export.send_metrics(peers.metrics.registry.collect)
            provider = export.tracer_provider
            server = await build(settings, peers=peers, spans=Spans(provider) if provider else None)
            metrics_port = metrics_door(settings, peers)
            with announce(server.address, settings.data_dir):
                await server.start()
                doors = {"http_address": server.http.address} if server.http else {}
                if metrics_port:
                    await metrics_port.start()
                    doors["metrics_address"] = metrics_port.address
                _log.info("serving", address=server.address, **doors, database=settings.shown_database_url)
                await stop_requested.wait()
                await server.drain()
                if metrics_port:
                    await metrics_port.stop()

    run_until_stopped(main)
