"""The port of the HTTP door: connections that are slow, idle or many, TLS, and the end."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.calls.certificates import Certificate
from dashboard_catalog.http.edge import connections, listening
from dashboard_catalog.http.edge.listening import Port, bound
from dashboard_catalog.settings import Address
from tests.certificates import write_certificate
from tests.patience import PATIENCE, until

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
HEAD_OF_ANSWER = [(b"content-length", b"2")]
LARGE = b"x" * 20_000_000


async def answer_ok(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEAD_OF_ANSWER})
    await send({"type": "http.response.body", "body": b"ok"})


def answer_after(released: asyncio.Event) -> Any:
    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await released.wait()
        await answer_ok(scope, receive, send)

    return wait


class Served:
    """A port, and connections to it."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.state = port._server.server_state
        self.address = port._listener.getsockname()
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self, sent: bytes = b"", **options: Any) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection(*self.address, **options)
        self.writers.append(writer)
        writer.write(sent)
        return reader


@asynccontextmanager
async def serving(
    application: Any = answer_ok, certificate: Certificate | None = None, **options: int
) -> AsyncIterator[Served]:
    port = Port(application, bound(Address("127.0.0.1", 0), shares_address=False), certificate, **options)
    await port.start()
    served = Served(port)
    try:
        yield served
    finally:
        for writer in served.writers:
            writer.transport.abort()
        await port.stop(seconds=1)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Returns everything until the server closes the connection."""
    async with asyncio.timeout(PATIENCE):
        return await reader.read()


async def test_a_connection_is_closed_if_no_whole_head_arrives_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.1)
    async with serving() as served:
        for sent in (b"", b"GET / HTTP/1.1\r\n", GET + b"GET /"):
            reader = await served.connect(sent)
            assert (await rest(reader)).count(b"200 OK") == sent.count(GET)


async def test_an_idle_connection_gives_way_when_there_are_too_many() -> None:
    release = asyncio.Event()
    async with serving(answer_after(release), max_connections=2) as served:
        busy = await served.connect(GET)
        idle = await served.connect()
        await until(lambda: len(served.state.tasks) == 1)
        newest = await served.connect(GET)
        assert await rest(idle) == b""
        await until(lambda: len(served.state.tasks) == 2)
        # Now none is idle.
        with suppress(ConnectionError):
            assert await rest(await served.connect(GET)) == b""
        release.set()
        for reader in (busy, newest):
            async with asyncio.timeout(PATIENCE):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")


def test_two_ports_never_share_an_address() -> None:
    with bound(Address("127.0.0.1", 0), shares_address=False) as first:
        port = first.getsockname()[1]
        for host in ("127.0.0.1", "0.0.0.0"):  # noqa: S104
            with pytest.raises(OSError, match="in use"):
                bound(Address(host, port), shares_address=False)


async def test_a_client_that_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WRITE_SECONDS", 0.1)

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": LARGE})

    async with serving(answer) as served:
        await served.connect(GET, limit=1)
        await until(lambda: bool(served.state.connections))
        await until(lambda: not served.state.connections)


async def test_a_body_that_becomes_malformed_is_answered_once() -> None:
    heard: list[str] = []

    async def read(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            heard.append(message["type"])
        heard.append(message["type"])
        await answer_ok(scope, receive, send)

    async with serving(read) as served:
        reader = await served.connect(b"PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await until(lambda: bool(heard))
        served.writers[0].write(b"no length\r\n")
        answer = await rest(reader)
        assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 400") == 1
        assert heard[-1] == "http.disconnect"


async def test_the_end_closes_idle_connections_and_lets_requests_end() -> None:
    release = asyncio.Event()
    async with serving(answer_after(release)) as served:
        busy = await served.connect(GET)
        idle = await served.connect()
        await until(lambda: len(served.state.connections) == 2)
        stopping = asyncio.create_task(served.port.stop(seconds=PATIENCE))
        assert await rest(idle) == b""
        with pytest.raises(ConnectionRefusedError):
            await served.connect()
        release.set()
        assert (await rest(busy)).endswith(b"\r\n\r\nok")
        await stopping


async def test_what_does_not_end_is_cancelled() -> None:
    ended = asyncio.Event()

    async def wait(_scope: Any, _receive: Any, _send: Any) -> None:
        try:
            await asyncio.Future()
        finally:
            ended.set()

    async with serving(wait) as served:
        await served.connect(GET)
        await until(lambda: len(served.state.tasks) == 1)
        await served.port.stop(seconds=0)
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


async def test_the_next_handshake_uses_a_renewed_certificate(tmp_path: Path) -> None:
    write_certificate(tmp_path, "first")
    trust = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    async with serving(certificate=Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")) as served:
        # Clients name the server only if they know it by a name.
        for name in ("127.0.0.1", "localhost"):
            reader = await served.connect(GET, ssl=trust, server_hostname=name)
            async with asyncio.timeout(PATIENCE):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        (tmp_path / "key.pem").write_text("half of a renewal")
        await served.connect(ssl=trust, server_hostname="127.0.0.1")
        write_certificate(tmp_path, "second")
        with pytest.raises(ssl.SSLCertVerificationError):
            await served.connect(ssl=trust, server_hostname="127.0.0.1")
        trust = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        await served.connect(ssl=trust, server_hostname="127.0.0.1")


async def test_a_handshake_has_little_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_SECONDS", 0.1)
    write_certificate(tmp_path, "first")
    async with serving(certificate=Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")) as served:
        reader = await served.connect()
        assert await rest(reader) == b""
