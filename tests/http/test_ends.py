"""However a request ends, its client gets an answer, and its place becomes free."""

import asyncio
from typing import Any

import pytest
from fastapi.responses import JSONResponse, Response
from structlog.testing import capture_logs

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.calls.access_log import AccessLog, CallLine
from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.calls.shares import Shares
from dashboard_catalog.http.application import new_application
from dashboard_catalog.http.edge.edge import HttpEdge
from dashboard_catalog.http.edge.listening import Port, bound
from dashboard_catalog.settings import Address
from tests.patience import PATIENCE, until


async def fails(_scope: Any, _receive: Any, _send: Any) -> None:
    raise RuntimeError("the text of an exception")


async def reads(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await JSONResponse({})(scope, receive, send)


async def sends_much(scope: Any, receive: Any, send: Any) -> None:
    await Response(b"x" * 20_000_000)(scope, receive, send)


async def waits(_scope: Any, _receive: Any, _send: Any) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("application", "sent", "status", "code"),
    [
        (fails, b"GET / HTTP/1.1\r\n", b"HTTP/1.1 500", "INTERNAL"),
        (reads, b"PUT / HTTP/1.1\r\ncontent-length: 9\r\n", b"HTTP/1.1 408", "UNAVAILABLE"),
        (sends_much, b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200", "CANCELLED"),
        (waits, b"GET / HTTP/1.1\r\n", b"", "CANCELLED"),
    ],
)
async def test_a_request_always_ends(application: Any, sent: bytes, status: bytes, code: str) -> None:
    lines: list[CallLine] = []
    gate, log = Gate(1), AccessLog()
    setattr(log, "add", lines.append)  # noqa: B010 - a method, to mypy
    mounted = new_application([])
    mounted.mount("/", application)
    edge = HttpEdge(
        mounted,
        authenticator=Anybody(),
        gate=gate,
        shares=Shares(1, 1),
        access_log=log,
        client_seconds=0.1,
    )
    port = Port(edge, bound(Address("127.0.0.1", 0), shares_address=False), None)
    await port.start()
    reader, writer = await asyncio.open_connection(*port._listener.getsockname(), limit=2_000)
    writer.write(sent + b"host: a\r\n\r\n")
    if not status:
        # It leaves without an answer.
        await until(lambda: gate.running)
        writer.transport.abort()
    with capture_logs() as logged:
        await until(lambda: lines)
    assert ("bug" in [line["event"] for line in logged]) is (code == "INTERNAL")
    assert gate.running == 0
    assert [line.code for line in lines] == [code]
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read(2_000) if code == "CANCELLED" else await reader.readuntil(b"}")
    assert answer.startswith(status) or status.startswith(answer)
    assert b"exception" not in answer
    writer.transport.abort()
    await port.stop(seconds=1)


class Anybody:
    """Lets everybody in."""

    async def authenticate(self, authorization: str | None) -> Principal:
        return Principal("ann", frozenset(), frozenset(), services=None, bot=False, expires_at=None)
