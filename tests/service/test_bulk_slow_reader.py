"""BulkUpsert with clients that read late or never: no call hangs, and the server's memory is bounded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import grpc.aio
import pytest
from sqlalchemy import text

from dashboard_catalog.contract.limits import MAX_PROGRESS_BYTES
from dashboard_catalog.rpc import bulk_stream
from dashboard_catalog.rpc.outbox import MAX_HELD_BYTES, Outbox
from dashboardcatalog.v1 import asset_pb2, bulk_pb2
from tests.patience import PATIENCE, until
from tests.service.caller import Caller, Json, Service
from tests.service.servers import running
from tests.service.streams import Stream

SMALL = 150
CHUNKS = 20


def _chart(name: str, **fields: Any) -> Json:
    return {"chart": {"name": name, "service": "superset", **fields}}


def _refused(name: str) -> Json:
    """Returns an item whose status has the maximum size of 4 KiB."""
    return {
        "dashboard": {"name": name, "service": "superset", "charts": [f"superset.{n}{'c' * 230}" for n in range(10)]}
    }


@pytest.mark.usefixtures("superset")
async def test_a_client_that_sends_everything_before_reading_gets_all_responses(bot: Caller) -> None:
    async with Stream(bot) as stream:
        for number in range(SMALL):
            await stream.send(_chart(f"n{number % 500}") if number % 5 else _refused(f"bad{number}"))
        await stream.call.done_writing()
        bulk = await stream.rest()

    assert bulk.refused is None
    assert sorted(bulk.failures) == list(range(0, SMALL, 5))
    assert (bulk.counts["failed"], sum(bulk.counts.values())) == (SMALL / 5, SMALL)
    assert bulk.offsets == sorted(bulk.offsets)
    assert bulk.offsets[-1] == SMALL


@asynccontextmanager
async def _caller_that_buffers_little(service: Service) -> AsyncIterator[Caller]:
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536)]
    async with grpc.aio.insecure_channel(service.address, options=options) as channel:
        yield Caller(channel, service.token("loader", "ingestion_bot"))


async def _applied(service: Service) -> int:
    async with service.database.read() as connection:
        found = await connection.execute(text("SELECT count(*) FROM chart WHERE name LIKE 'n%'"))
        return int(found.scalar_one())


class WatchedOutbox(Outbox):
    """Knows which outboxes keep their stream from reading the next chunk, because their client does not read."""

    waiting: ClassVar[set[Outbox]] = set()

    async def read(self) -> None:
        if self._held_bytes > MAX_HELD_BYTES:
            self.waiting.add(self)
        try:
            await super().read()
        finally:
            self.waiting.discard(self)


@pytest.mark.usefixtures("superset")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_with_all_results_the_server_waits_for_its_reader_and_resumes_with_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_stream, "Outbox", WatchedOutbox)

    async def send(stream: Stream) -> None:
        await stream.send(options={"resultView": "RESULT_VIEW_ALL"})
        for number in range(CHUNKS):
            await stream.send(*[_refused("bad")] * 199, _chart(f"n{number}"))
        await stream.call.done_writing()

    async with _caller_that_buffers_little(service) as caller, Stream(caller) as stream:
        sending = asyncio.create_task(send(stream))
        await until(lambda: WatchedOutbox.waiting)
        assert 0 < await _applied(service) < CHUNKS / 2
        bulk = await stream.rest()
        await sending

    assert (bulk.refused, bulk.counts) == (None, {"created": CHUNKS, "failed": CHUNKS * 199})
    assert [int(result.get("offset", 0)) for result in bulk.results] == list(range(CHUNKS * 200))
    assert await _applied(service) == CHUNKS


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_client_that_never_reads_does_not_hold_a_server_that_stops(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_stream, "Outbox", WatchedOutbox)
    async with running(database_url, tmp_path / "data") as (server, service):
        await service.caller("admin", "admin").add_small_catalog()
        async with _caller_that_buffers_little(service) as caller, Stream(caller) as stream:
            await stream.send(*[_refused("bad")] * 400, options={"resultView": "RESULT_VIEW_ALL"})
            await stream.send(*[_refused("bad")] * 400)
            await until(lambda: WatchedOutbox.waiting)
            async with asyncio.timeout(PATIENCE):
                await server.drain(seconds=10 * PATIENCE)


class Reader:
    """A client that reads only when the test lets it."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.read: list[bulk_pb2.BulkUpsertResponse] = []

    async def take(self, response: bulk_pb2.BulkUpsertResponse) -> None:
        await self.reads.wait()
        self.read.append(response)

    @property
    def offsets(self) -> list[int]:
        return [response.progress.next_offset for response in self.read]

    @property
    def results(self) -> list[int]:
        return [result.offset for response in self.read for result in response.progress.results]


def _results(first: int, count: int, size: int) -> list[bulk_pb2.BulkUpsertResult]:
    results = []
    for offset in range(first, first + count):
        result = bulk_pb2.BulkUpsertResult(offset=offset, outcome=asset_pb2.OUTCOME_FAILED)
        result.status.code = 3
        result.status.details.add(value=b"x" * size)
        results.append(result)
    return results


async def _kept(first: int, end: int) -> list[bulk_pb2.BulkUpsertResult]:
    """Reads results again, as from a session that keeps all of them."""
    return _results(first, min(30, end - first), 4_000)


@asynccontextmanager
async def _outbox(reader: Reader, *, waits: bool) -> AsyncIterator[Outbox]:
    async with Outbox(reader.take, None if waits else _kept) as outbox:
        yield outbox
        reader.reads.set()
        await outbox.close()


async def test_progress_is_merged_while_nobody_reads() -> None:
    reader = Reader()
    async with _outbox(reader, waits=False) as outbox:
        for offset in range(1, 5_001):
            await outbox.progress(offset - 1, offset, [])

    assert len(reader.read) <= 2
    assert reader.offsets[-1] == 5_000


@pytest.mark.parametrize("waits", [False, True])
async def test_buffered_results_leave_in_responses_of_at_most_128_kib_before_their_offset(waits: bool) -> None:
    reader = Reader()
    async with _outbox(reader, waits=waits) as outbox:
        await outbox.progress(0, 1_000, _results(0, 1_000, 4_000))
        reader.reads.set()
        await outbox.progress(1_000, 2_000, _results(1_000, 1_000, 4_000))

    assert reader.results == list(range(2_000))
    assert max(response.ByteSize() for response in reader.read) <= MAX_PROGRESS_BYTES + 1_024
    received = 0
    for response in reader.read:
        received += len(response.progress.results)
        assert response.progress.next_offset <= received
    assert reader.offsets[-1] == 2_000


async def test_a_stream_whose_results_nobody_keeps_learns_when_its_client_has_read_them() -> None:
    reader = Reader()
    async with _outbox(reader, waits=True) as outbox:
        await outbox.read()
        await outbox.progress(0, 1_000, _results(0, 1_000, 4_000))
        await outbox.progress(1_000, 2_000, _results(1_000, 1_000, 4_000))
        read = asyncio.create_task(outbox.read())
        await asyncio.sleep(0.05)
        assert not read.done()
        reader.reads.set()
        await read
        assert reader.results == list(range(2_000))


async def test_failures_do_not_wait_and_those_that_do_not_fit_are_read_from_the_session() -> None:
    reader = Reader()
    async with _outbox(reader, waits=False) as outbox:
        for first in range(0, 10_000, 1_000):
            await outbox.progress(first, first + 1_000, _results(first, 1_000, 4_000))
        assert outbox._held_bytes < MAX_HELD_BYTES + 1_000 * 4_100

    assert reader.results == list(range(10_000))
    assert reader.offsets == sorted(reader.offsets)
    assert reader.offsets[-1] == 10_000
    assert all(result.status.code == 3 for response in reader.read for result in response.progress.results)


async def _fail(reader: Reader) -> None:
    async with Outbox(reader.take, None) as outbox:
        await outbox.progress(0, 1, _results(0, 1, 10))
        await outbox.progress(1, 2, _results(1, 1, 10))
        raise ValueError("broken")


async def test_a_failed_stream_sends_its_buffer_but_does_not_wait_forever_for_a_reader() -> None:
    for reads in (True, False):
        reader = Reader()
        if reads:
            reader.reads.set()
        with pytest.raises(ValueError, match="broken"):
            await _fail(reader)
        assert (reader.offsets[-1:] == [2]) is reads
