"""The port for metrics, which needs no token: scrapes that arrive together, and clients that are too many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Event

import httpx
import pytest

from dashboard_catalog.http import scraping
from dashboard_catalog.http.scraping import MetricsPort
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.metrics.exchange import Exchange, Gathered
from dashboard_catalog.settings import Address
from tests.patience import PATIENCE, until

GET = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"


class Slow:
    """Processes that answer when they are let go.

    Attributes:
        asked: How often they were asked.
    """

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.asked = 0
        self.let_go = Event()

    def gather(self) -> Gathered:
        self.asked += 1
        self.let_go.wait(PATIENCE)
        self.metrics.watches.changes.inc()
        return Exchange("0", self.metrics).gather()


@asynccontextmanager
async def serving(peers: Slow) -> AsyncIterator[MetricsPort]:
    port = MetricsPort(Address("127.0.0.1", 0), peers, shares_address=False)
    await port.start()
    try:
        yield port
    finally:
        peers.let_go.set()
        await port.stop()


async def test_scrapes_that_arrive_while_samples_are_gathered_share_what_is_gathered_next() -> None:
    peers = Slow()
    async with serving(peers) as port, httpx.AsyncClient(timeout=PATIENCE) as client:
        url = f"http://{port.address}/metrics"
        first = asyncio.create_task(client.get(url))
        await until(lambda: peers.asked)
        others = [asyncio.create_task(client.get(url)) for _ in range(20)]
        await until(lambda: port._port.connections == 21)
        peers.let_go.set()
        answers = [await first, *[await one for one in others]]
        later = await client.get(url)
    assert [answer.status_code for answer in (*answers, later)] == [200] * 22
    # The first, what the others share, and perhaps what came a moment later; the last.
    assert peers.asked <= 4
    assert {answers[0].text, later.text}.isdisjoint(answer.text for answer in answers[1:])


async def test_more_clients_than_the_port_takes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scraping, "MAX_CONNECTIONS", 1)
    peers = Slow()
    async with serving(peers) as port:
        host, number = port.address.split(":")
        _, first = await asyncio.open_connection(host, number)
        first.write(GET)
        await until(lambda: peers.asked)
        second, writer = await asyncio.open_connection(host, number)
        writer.write(GET)
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                assert await second.read() == b""
        for one in (first, writer):
            one.transport.abort()
