"""`dashboard-catalog health` says whether a server should get calls, as an exit status."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from dashboard_catalog.cli import health as command
from tests.certificates import write_certificate
from tests.cli.background import in_background
from tests.cli.conftest import Run
from tests.cli.small_catalog import SmallCatalog

Pair = tuple[bytes, bytes]


@asynccontextmanager
async def reporting(
    status: Any, pair: Pair | None = None, servicer: health.aio.HealthServicer | None = None
) -> AsyncIterator[str]:
    """A server that reports this status, with TLS if it has a pair of key and certificate."""
    server = grpc.aio.server()
    servicer = servicer or health.aio.HealthServicer()
    await servicer.set("", status)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if pair:
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.mark.usefixtures("server")
def test_a_healthy_server_is_status_0_without_any_token(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_TOKEN_FILE", "/nowhere")
    result = run("health")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "SERVING\n", "")


def test_a_server_on_all_addresses_is_asked_on_loopback(run: Run, server: str) -> None:
    assert run("health", "--address", server.replace("127.0.0.1", "0.0.0.0")).exit_code == 0  # noqa: S104


def test_a_server_that_should_get_no_calls_is_status_1(run: Run) -> None:
    with in_background(reporting(HealthCheckResponse.NOT_SERVING)) as address:
        result = run("health", "--address", address)
    text = f"Error: the server at {address} is NOT_SERVING: it cannot use its database, or it is stopping\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", text)


def test_a_server_with_tls_is_asked_with_tls(run: Run, tmp_path: Path) -> None:
    write_certificate(tmp_path, "served")
    pair = (tmp_path / "key.pem").read_bytes(), (tmp_path / "cert.pem").read_bytes()
    with in_background(reporting(HealthCheckResponse.SERVING, pair)) as address:
        everywhere = address.replace("127.0.0.1", "0.0.0.0")  # noqa: S104
        assert run("health", "--address", everywhere, "--tls-ca", tmp_path / "cert.pem").exit_code == 0
        assert run("health", "--address", everywhere).exit_code == 1


@pytest.mark.parametrize("address", ["127.0.0.1:1", f"{'a' * 64}.example:1", "unix:/nowhere"])
def test_no_server_is_status_1(run: Run, address: str) -> None:
    result = run("health", "--address", address)
    assert (result.exit_code, result.stderr) == (1, f"Error: no server answers at {address}\n")


def test_a_silent_server_is_asked_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        result = run("health", "--address", address)
        assert (result.exit_code, result.stderr) == (1, f"Error: no server answers at {address}\n")
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()


class Slow(health.aio.HealthServicer):
    """Answers later than anybody waits."""

    async def Check(self, request: HealthCheckRequest, context: Any) -> HealthCheckResponse:
        await asyncio.sleep(10)
        return await super().Check(request, context)


def test_a_server_that_does_not_answer_in_time_is_status_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SECONDS", 0.2)
    with in_background(reporting(HealthCheckResponse.SERVING, servicer=Slow())) as address:
        result = run("health", "--address", address)
    assert (result.exit_code, result.stderr) == (1, f"Error: no server answers at {address}\n")


def test_another_server_is_status_1(run: Run, small: SmallCatalog) -> None:
    result = run("health")
    assert result.exit_code == 1
    assert "does not report its health: UNIMPLEMENTED" in result.stderr
    assert not small.authorizations


@pytest.mark.parametrize("flags", [["--address", "https://127.0.0.1"], ["--tls-ca", "/nowhere"]])
def test_wrong_use_is_status_2(run: Run, flags: list[str]) -> None:
    result = run("health", *flags)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {flags[0]}: ")


def test_a_server_without_tls_is_named(run: Run, server: str) -> None:
    result = run("health", "--tls-ca", "system")
    assert result.exit_code == 1
    assert result.stderr == f"Error: the server at {server} does not use TLS: call it without --tls-ca\n"
