"""The whole server, from its settings to its end, in this process and in a separate one."""

import asyncio
import errno
import fcntl
import os
import shutil
import signal
import ssl
import stat
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
import structlog
from cryptography import x509
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from dashboard_catalog import server
from dashboard_catalog.auth.policy_files import DEFAULT_FOLDER
from dashboard_catalog.index.folders import IndexFolder
from dashboard_catalog.running import data_dir_of, running_servers
from dashboard_catalog.server import CatalogServer, StartError, build, prepare
from dashboard_catalog.settings import Settings
from dashboard_catalog.store.file_claim import FileInUse, claimed
from dashboard_catalog_client.channel import channel_options
from dashboardcatalog.v1 import dashboard_service_pb2 as dashboards
from dashboardcatalog.v1.dashboard_service_pb2_grpc import (
    DashboardServiceStub,
    add_DashboardServiceServicer_to_server,
)
from tests.auth import issuer
from tests.certificates import write_certificate
from tests.metrics_reading import OPEN_METRICS, Scraped, of_process, read
from tests.patience import PATIENCE, until
from tests.rpc.conftest import SERVICE, SOMETHING, Scripted, refused, scripted
from tests.server_process import Process, process
from tests.store.database_work import query

pytestmark = pytest.mark.usefixtures("log_as_before")

PROCESSES = {"0", "1", "indexer", "supervisor"}

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


def settings(folder: Path, **given: Any) -> Settings:
    return Settings.load({"address": "127.0.0.1:0", "data_dir": folder / "data", **given})


@asynccontextmanager
async def running(given: Settings, **parts: Any) -> AsyncIterator[CatalogServer]:
    await asyncio.to_thread(prepare, given)
    built = await build(given, **parts)
    await built.start()
    try:
        yield built
    finally:
        await built.drain(seconds=1)


def admin(folder: Path) -> tuple[tuple[str, str]]:
    """Returns metadata with the token that the server left for its administrator."""
    token = (folder / "data" / "admin.token").read_text().strip()
    return (("authorization", f"Bearer {token}"),)


async def health(channel: grpc.aio.Channel, service: str = "") -> Any:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(HealthCheckRequest(service=service))
    return answer.status


async def code_of_get(channel: grpc.aio.Channel, metadata: Any) -> grpc.StatusCode:
    stub: Any = DashboardServiceStub(channel)
    code, _ = await refused(stub.GetDashboard(SOMETHING, metadata=metadata))
    return code


async def test_a_prepared_server_serves(tmp_path: Path) -> None:
    async with running(settings(tmp_path)) as built, grpc.aio.insecure_channel(built.address) as channel:
        for service in ("", SERVICE, "dashboardcatalog.v1.ChartService", "dashboardcatalog.v1.CatalogService"):
            assert await health(channel, service) == SERVING
        assert await code_of_get(channel, admin(tmp_path)) is grpc.StatusCode.NOT_FOUND
        assert await code_of_get(channel, ()) is grpc.StatusCode.UNAUTHENTICATED
    assert (tmp_path / "data" / "catalog.db").exists()


def test_preparing_again_keeps_existing_data(tmp_path: Path) -> None:
    prepare(settings(tmp_path))
    before = admin(tmp_path)
    prepare(settings(tmp_path))
    assert admin(tmp_path) == before
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "admin.token").stat().st_mode) == 0o600


async def test_draining_lets_running_calls_finish(tmp_path: Path) -> None:
    servicer, let_go = scripted(), asyncio.Event()

    async def get(_request: Any, _context: Any) -> Any:
        await let_go.wait()
        return dashboards.GetDashboardResponse()

    servicer.get = get
    given = settings(tmp_path)
    await asyncio.to_thread(prepare, given)
    built = await build(given, adding(servicer))
    await built.start()
    async with grpc.aio.insecure_channel(built.address) as channel:
        stub: Any = DashboardServiceStub(channel)
        runs = stub.GetDashboard(SOMETHING, metadata=admin(tmp_path))
        await until(lambda: built._gate.running)
        draining = asyncio.create_task(built.drain(seconds=20))
        await until(built._gate.drained.done)
        assert await health(channel, SERVICE) == await health(channel) == NOT_SERVING
        code, details = await refused(stub.GetDashboard(SOMETHING, metadata=admin(tmp_path)))
        assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert not draining.done()
        let_go.set()
        assert await runs == dashboards.GetDashboardResponse()
        async with asyncio.timeout(PATIENCE):
            await draining
    async with grpc.aio.insecure_channel(built.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await health(channel)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_callers_that_retry_see_nothing_of_a_restart(tmp_path: Path) -> None:
    given = settings(tmp_path)
    answers: Counter[int] = Counter()
    stopped = False

    async def call_again_and_again(caller: int) -> None:
        # Each has a connection of its own.
        options = [*channel_options(given.address), ("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(given.address, options) as channel:
            stub: Any = DashboardServiceStub(channel)
            while not stopped:
                await stub.GetDashboard(SOMETHING, metadata=admin(tmp_path), timeout=PATIENCE)
                answers[caller] += 1

    async def all_answered() -> None:
        before = answers.copy()
        await until(lambda: all(answers[caller] > before[caller] for caller in range(20)))

    async with running(given, servicers=adding(scripted())) as first:
        given = settings(tmp_path, address=first.address)
        callers = asyncio.gather(*(call_again_and_again(caller) for caller in range(20)))
        await all_answered()
        await first.drain()
    async with running(given, servicers=adding(scripted())):
        await all_answered()
        stopped = True
        await callers


async def test_calls_that_do_not_finish_are_cancelled_by_a_drain(tmp_path: Path) -> None:
    servicer = scripted()

    async def get(_request: Any, _context: Any) -> Any:
        await asyncio.Event().wait()

    servicer.get = get
    async with running(settings(tmp_path), servicers=adding(servicer)) as built:
        channel = grpc.aio.insecure_channel(built.address)
        stub: Any = DashboardServiceStub(channel)
        runs = stub.GetDashboard(SOMETHING, metadata=admin(tmp_path))
        await until(lambda: built._gate.running)
        async with asyncio.timeout(PATIENCE):
            await built.drain(seconds=0.1)
        with pytest.raises(grpc.aio.AioRpcError):
            await runs
        await channel.close()


def adding(servicer: Scripted) -> server.AddServicers:
    def add(into: grpc.aio.Server, *_parts: object) -> list[str]:
        add_DashboardServiceServicer_to_server(servicer, into)
        return [SERVICE]

    return add


async def test_an_unreachable_database_does_not_prevent_the_start(tmp_path: Path) -> None:
    away = settings(tmp_path, database_url="postgresql://ada:secret@127.0.0.1:1/catalog")
    async with running(away) as built, grpc.aio.insecure_channel(built.address) as channel:
        assert await health(channel, SERVICE) == NOT_SERVING
        assert await code_of_get(channel, admin(tmp_path)) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_database_without_a_schema_prevents_the_start(empty_database_url: str, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="db upgrade"):
        prepare(settings(tmp_path, database_url=empty_database_url))


@pytest.mark.parametrize(("content", "problem"), [(b"text\n" * 200, "no SQLite database"), (None, "cannot be opened")])
def test_a_file_that_is_no_database_prevents_the_start(tmp_path: Path, content: bytes | None, problem: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    if content is None:
        (folder / "catalog.db").mkdir()
    else:
        (folder / "catalog.db").write_bytes(content)
    with pytest.raises(StartError, match=f"catalog.db: .*{problem}"):
        server.serve(settings(tmp_path))


def test_a_schema_of_a_later_version_does_not_prevent_the_start(database_url: str, tmp_path: Path) -> None:
    query(database_url, "UPDATE dashboard_catalog_version SET version_num = '9999'")
    prepare(settings(tmp_path, database_url=database_url))


async def test_the_error_for_an_address_in_use_names_it(tmp_path: Path) -> None:
    async with running(settings(tmp_path)) as built:
        with pytest.raises(StartError, match=f"cannot listen at {built.address}: Address already in use"):
            await build(settings(tmp_path, http_address=built.address))
        with pytest.raises(StartError, match=f"cannot listen at {built.address}"):
            await build(settings(tmp_path, address=built.address))


async def test_a_server_can_listen_on_a_unix_socket(tmp_path: Path) -> None:
    # Not below tmp_path, which is too long for the name of a socket.
    address = f"unix:/tmp/catalog-{os.getpid()}.sock"
    async with running(settings(tmp_path, address=address)) as built:
        assert built.address == address
        async with grpc.aio.insecure_channel(address) as channel:
            assert await health(channel) == SERVING


async def test_tokens_of_another_issuer_are_accepted(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_bytes(issuer.jwks(issuer.jwk(issuer.P256, kid="k")))
    given = settings(
        tmp_path, jwks=str(keys), issuer=issuer.ISSUER, audience=issuer.AUDIENCE, roles_claim="realm.roles"
    )
    token = issuer.sign(issuer.P256, "ES256", "k", realm={"roles": ["data_consumer"]})
    async with running(given) as built, grpc.aio.insecure_channel(built.address) as channel:
        metadata = (("authorization", f"Bearer {token}"),)
        assert await code_of_get(channel, metadata) is grpc.StatusCode.NOT_FOUND


async def test_policies_of_the_folder_are_enforced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "POLICY_SECONDS", 0.05)
    policies = tmp_path / "policies"
    policies.mkdir()
    for file in DEFAULT_FOLDER.glob("*.cedar"):
        shutil.copy(file, policies)
    given = settings(tmp_path, policy_dir=policies)
    async with running(given) as built, grpc.aio.insecure_channel(built.address) as channel:
        assert await code_of_get(channel, admin(tmp_path)) is grpc.StatusCode.NOT_FOUND
        (policies / "nobody.cedar").write_text("forbid (principal, action, resource);")
        async with asyncio.timeout(PATIENCE):
            while await code_of_get(channel, admin(tmp_path)) is not grpc.StatusCode.PERMISSION_DENIED:
                pass


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: {"policy_dir": folder / "nowhere"},
        lambda folder: {"jwks": str(folder / "nowhere"), "issuer": "i", "audience": "a"},
        lambda folder: {"tls_cert": folder / "nowhere", "tls_key": folder / "nowhere"},
        lambda folder: expired_certificate(folder / "nowhere"),
    ],
)
def test_the_error_for_an_unreadable_file_names_it(tmp_path: Path, make: Callable[[Path], dict[str, Any]]) -> None:
    with pytest.raises(StartError, match="nowhere"):
        server.serve(settings(tmp_path, **make(tmp_path)))


def expired_certificate(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    write_certificate(folder, "expired", days=(-2, -1))
    return {"tls_cert": folder / "cert.pem", "tls_key": folder / "key.pem"}


async def certificate_name(address: str) -> str:
    """Returns the name in the certificate that a new connection gets."""
    host, _, port = address.rpartition(":")
    pem = await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))
    return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()


async def test_a_renewed_certificate_is_used(tmp_path: Path) -> None:
    write_certificate(tmp_path, "first")
    tls = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
    async with running(settings(tmp_path, http_address="127.0.0.1:0", **tls)) as built:
        assert expiry_by_door(built) == dict.fromkeys(("grpc", "http"), expiry_of(tmp_path))
        trusted = grpc.ssl_channel_credentials((tmp_path / "cert.pem").read_bytes())
        name = (("grpc.ssl_target_name_override", "localhost"),)
        async with grpc.aio.secure_channel(built.address, trusted, name) as channel:
            assert await code_of_get(channel, admin(tmp_path)) is grpc.StatusCode.NOT_FOUND
        assert await certificate_name(built.address) == "CN=first"
        key = (tmp_path / "key.pem").read_bytes()
        write_certificate(tmp_path, "second", days=(-1, 2))
        second_key = (tmp_path / "key.pem").read_bytes()
        (tmp_path / "key.pem").write_bytes(key)
        with structlog.testing.capture_logs() as lines:
            assert await certificate_name(built.address) == "CN=first"
        assert "certificate_refused" in {line["event"] for line in lines}
        (tmp_path / "key.pem").write_bytes(second_key)
        assert built.http
        for address in (built.address, built.http.address):
            assert await certificate_name(address) == "CN=second"
        assert expiry_by_door(built) == dict.fromkeys(("grpc", "http"), expiry_of(tmp_path))


def expiry_of(folder: Path) -> float:
    """Returns when the certificate in a folder expires."""
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes()).not_valid_after_utc.timestamp()


def expiry_by_door(built: CatalogServer) -> dict[str, float]:
    """Returns when the certificate of each door expires, as metrics show it."""
    samples = of_process(built.metrics).named("certificate_expiry_timestamp_seconds")
    return {sample.labels["door"]: sample.value for sample in samples}


async def test_policies_that_could_not_be_tried_out_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "POLICY_SECONDS", 0.01)
    folder = tmp_path / "policies"
    shutil.copytree(DEFAULT_FOLDER, folder)
    async with running(settings(tmp_path, policy_dir=folder)) as built:

        def loads(outcome: str) -> float:
            return of_process(built.metrics).of("policy_loads_total", outcome=outcome)

        with monkeypatch.context() as broken:
            # As if no more processes could be started.
            broken.setattr(sys, "executable", "/nowhere")
            (folder / "more.cedar").write_text("permit (principal, action, resource);")
            await until(lambda: loads("failed"))
            assert loads("loaded") == 1
        await until(lambda: loads("loaded") == 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_process(tmp_path: Path, number: signal.Signals) -> None:
    async with process(address="127.0.0.1:0", data_dir=tmp_path / "data") as one:
        serving = await one.line("serving")
        assert serving["database"] == f"sqlite:///{tmp_path}/data/catalog.db"
        assert data_dir_of(serving["address"]) == tmp_path / "data"
        async with grpc.aio.insecure_channel(serving["address"]) as channel:
            metadata = (*admin(tmp_path), ("x-request-id", "r-1"))
            assert await code_of_get(channel, metadata) is grpc.StatusCode.NOT_FOUND
        call = await one.line("call")
        assert (call["call_id"], call["code"], call["subject"]) == ("r-1", "NOT_FOUND", "admin")
        one.process.send_signal(number)
        await one.line("stopped")
        assert await one.ended() == 0
        assert serving["address"] not in [server.address for server in running_servers()]


async def test_a_second_server_on_a_file_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "data" / "catalog.db"
    async with process(address="127.0.0.1:0", data_dir=tmp_path / "data") as one:
        await one.line("serving")
        for folder, named in (("data", file), ("other", link_to(tmp_path, file))):
            second = settings(tmp_path, data_dir=tmp_path / folder, database_url=f"sqlite:///{named}")
            with pytest.raises(StartError, match=rf"{file} is used by another server \(process {one.process.pid}\)"):
                server.serve(second)
        one.process.kill()
        await one.ended()
    claim(file)


def test_a_file_that_cannot_be_locked_is_not_said_to_be_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(code: int, *_: object) -> None:
        raise OSError(code, os.strerror(code))

    # As on a network file system without locks.
    monkeypatch.setattr(fcntl, "flock", partial(fails, errno.ENOLCK))
    with pytest.raises(FileInUse, match=f"{tmp_path}/a.db cannot be locked: {os.strerror(errno.ENOLCK)}; keep it on a"):
        claim(tmp_path / "a.db")
    monkeypatch.undo()
    # The number of the process is for people only, so it may be missing.
    monkeypatch.setattr(os, "write", partial(fails, errno.ENOSPC))
    claim(tmp_path / "a.db")


def claim(file: Path) -> None:
    """Takes the lock of a file, and gives it back."""
    with claimed(f"sqlite+aiosqlite:///{file}"):
        pass


def link_to(folder: Path, file: Path) -> Path:
    """Returns another path of a file."""
    link = folder / "link.db"
    link.symlink_to(file)
    return link


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_several_processes_share_an_address(tmp_path: Path, database_url: str) -> None:
    given = {"address": "127.0.0.1:0", "http_address": "127.0.0.1:0"}
    given |= {"data_dir": str(tmp_path / "data"), "database_url": database_url}
    async with process(**given, metrics_address="127.0.0.1:0", workers=2) as several:
        workers = [(await several.line("worker_started"))["pid"] for _ in range(2)]
        serving = [await several.line("serving") for _ in range(2)]
        ((address, http_address),) = {(line["address"], line["http_address"]) for line in serving}
        (metrics_address,) = {line["metrics_address"] for line in serving}
        assert data_dir_of(address) == tmp_path / "data"
        # One indexer for all of them.
        index = IndexFolder(Settings.load(given).search_index_dir)
        await until(lambda: (status := index.status()) and not status.building)
        assert await code_over_new_connection(address, tmp_path) is grpc.StatusCode.NOT_FOUND
        assert await scraped_processes(metrics_address) == (PROCESSES, 2, 0)
        # A worker that dies after a while is replaced.
        await asyncio.sleep(2)
        os.kill(workers[0], signal.SIGKILL)
        assert (await several.line("worker_died"))["pid"] == workers[0]
        assert (await several.line("serving"))["address"] == address
        for _ in range(8):
            assert await code_over_new_connection(address, tmp_path) is grpc.StatusCode.NOT_FOUND
            async with httpx.AsyncClient() as client:
                answer = await client.get(f"http://{http_address}/readyz", timeout=PATIENCE)
            assert answer.json() == {"status": "ready"}
        # Whichever worker is asked.
        for _ in range(4):
            assert await scraped_processes(metrics_address, readiness_checks=8) == (PROCESSES, 2, 1)
        if sys.platform == "linux":
            await check_death_of_indexer(several, metrics_address)
        several.process.send_signal(signal.SIGTERM)
        assert await several.ended() == 0
        assert sum(line["event"] == "search_index_building" for line in several.lines) <= 1
        assert address not in [server.address for server in running_servers()]
        for pid in workers:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


async def check_death_of_indexer(served: Process, metrics_address: str) -> None:
    """Kills the indexer, and waits until that is counted."""
    os.kill(indexer_of(served), signal.SIGKILL)
    await served.line("companion_died")
    async with asyncio.timeout(PATIENCE):
        while (await scraped(metrics_address)).of("companion_deaths_total") != 1:
            pass


def indexer_of(served: Process) -> int:
    """Returns the id of the indexer: the process of the server that is no worker."""
    tasks = Path(f"/proc/{served.process.pid}/task").iterdir()
    children = {int(child) for task in tasks for child in (task / "children").read_text().split()}
    # Python itself has one that keeps track of resources.
    own = {child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()}
    (indexer,) = own - {line["pid"] for line in served.lines if line["event"] == "worker_started"}
    return indexer


async def scraped(address: str) -> Scraped:
    """Returns what a scrape shows."""
    async with httpx.AsyncClient(headers={"accept": OPEN_METRICS}) as client:
        answer = await client.get(f"http://{address}/metrics", timeout=PATIENCE)
    return read(answer.text, answer.headers["content-type"])


async def scraped_processes(address: str, readiness_checks: int = 0) -> tuple[set[str], float, float]:
    """Returns which processes a scrape shows, how many workers there are, and how many have died.

    Args:
        readiness_checks: How often the workers must have been asked in all whether they are ready.
    """
    found = await scraped(address)
    assert found.of("scrape_silent_processes_total") == 0
    assert found.of("call_duration_seconds_count", door="http", method="GET /readyz") == readiness_checks
    return found.label("process"), found.of("workers"), found.of("worker_deaths_total")


async def code_over_new_connection(address: str, folder: Path) -> grpc.StatusCode:
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(address, options) as channel:
        return await code_of_get(channel, admin(folder))
