"""What the commands say about TLS that does not work."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from typer.testing import Result

from tests.certificates import write_certificate
from tests.cli.background import in_background
from tests.cli.conftest import Run
from tests.cli.small_catalog import SmallCatalog, small_server

ITEM = '{"dashboard": {"name": "a", "service": "s"}}'

Serve = Callable[..., str]


@asynccontextmanager
async def secure_server(folder: Path) -> AsyncIterator[str]:
    """A server with the certificate in a folder and without any method."""
    server = grpc.aio.server()
    pair = (folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with TLS and returns its address."""
    with ExitStack() as stack:

        def start(**certificate: Any) -> str:
            write_certificate(tmp_path, "served", **certificate)
            return stack.enter_context(in_background(secure_server(tmp_path)))

        yield start


@pytest.fixture
def call(run: Run) -> Callable[..., Result]:
    """Makes a call that gRPC does not try again."""
    return lambda address, *flags: run("ingest", "-", "--address", address, *flags, stdin=ITEM)


def test_a_server_with_tls_is_recognised(serve: Serve, call: Callable[..., Result]) -> None:
    address = serve()
    result = call(address)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: the server at {address} uses TLS: ")
    assert "--tls-ca FILE or --tls-ca system" in result.stderr


def test_a_server_without_tls_is_recognised(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_certificate(tmp_path, "any")
    with in_background(small_server(SmallCatalog().add_to)) as address:  # type: ignore[abstract]
        result = call(address, "--tls-ca", tmp_path / "cert.pem")
        assert result.stderr.startswith(f"Error: the server at {address} does not use TLS: call it without --tls-ca")
        monkeypatch.setenv("DASHBOARD_CATALOG_TLS_CA", str(tmp_path / "cert.pem"))
        assert "call it without DASHBOARD_CATALOG_TLS_CA" in call(address).stderr


@pytest.mark.parametrize(
    ("certificate", "text"),
    [
        ({"days": (-2, -1)}, "has expired"),
        ({"days": (1, 2)}, "is not valid yet"),
        ({"hosts": (x509.DNSName("catalog.example.com"),)}, "is for catalog.example.com, not for 127.0.0.1"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    serve: Serve, call: Callable[..., Result], tmp_path: Path, certificate: dict[str, Any], text: str
) -> None:
    address = serve(**certificate)
    result = call(address, "--tls-ca", tmp_path / "cert.pem")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: the certificate of the server at {address} {text}")


def test_an_unknown_issuer_is_said(serve: Serve, call: Callable[..., Result], tmp_path: Path) -> None:
    address = serve()
    write_certificate(tmp_path, "another")
    text = f"Error: the certificate of the server at {address} is not signed by"
    assert f"{text} a certificate in {tmp_path / 'cert.pem'}" in call(address, "--tls-ca", tmp_path / "cert.pem").stderr
    assert f"{text} the certificates of this system" in call(address, "--tls-ca", "system").stderr
