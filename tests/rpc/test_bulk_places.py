"""Chunks of bulk streams keep their places while they are in memory, also after their clients have gone."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.bulk.session import Session
from dashboard_catalog.catalog.model.commands import Writer
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.rpc.bulk_stream import serve_bulk
from dashboard_catalog.store.records import CATALOG_ID, SessionRecord
from dashboardcatalog.v1 import bulk_pb2
from tests.metrics_reading import of_process
from tests.patience import PATIENCE


class _Database:
    """Finishes what it has begun, and needs a while for the chunk, but not for the end of its session."""

    def __init__(self) -> None:
        self.may_finish = asyncio.Event()
        self.begun = asyncio.Event()

    async def write(self, _work: Any) -> Any:
        if self.begun.is_set():
            return None
        self.begun.set()
        return await asyncio.shield(asyncio.create_task(self.may_finish.wait()))


@pytest.mark.parametrize(("closes", "validates"), [(True, False), (False, False), (False, True)])
async def test_a_chunk_keeps_its_place_until_the_database_has_finished_it(closes: bool, validates: bool) -> None:
    database: Any = _Database()
    now = datetime.now(UTC)
    record = SessionRecord(
        service_id=CATALOG_ID,
        id=uuid4(),
        owner="ann",
        options=b"",
        connection=uuid4(),
        started_at=now,
        updated_at=now,
    )
    principal = Principal("ann", frozenset({"admin"}), frozenset(), None, True, None)
    request: Any = SimpleNamespace(writer=Writer(principal, True, "1", False, record.id), creates_of=None)

    async def open_session(*_args: Any, **_options: Any) -> Session:
        pipeline: Any = None
        return Session(database, pipeline, request, record, Metrics().bulk)

    async def send(_response: Any) -> None:
        pass

    async def requests() -> Any:
        yield bulk_pb2.BulkUpsertRequest(
            options=bulk_pb2.BulkUpsertOptions(validate_only=validates), items=[bulk_pb2.BulkUpsertItem()]
        )
        if not closes:
            await asyncio.Event().wait()

    recent_writes = SimpleNamespace(add=lambda _caller, _advanced: None)
    sessions, metrics = SimpleNamespace(open=open_session), Metrics()
    catalog: Any = SimpleNamespace(sessions=sessions, recent_writes=recent_writes, metrics=metrics, spans=None)
    chunks = asyncio.Semaphore(1)
    stream = asyncio.create_task(serve_bulk(catalog, chunks, requests(), Caller(principal, "1"), send))
    async with asyncio.timeout(PATIENCE):
        await database.begun.wait()
    await asyncio.sleep(0)

    stream.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stream
    for _ in range(5):
        await asyncio.sleep(0)
    assert chunks.locked()
    # What only validates is never written, so an alert would take it for a load that is stuck.
    assert of_process(metrics).of("bulk_queue_items") == (0 if validates else 1)
    database.may_finish.set()
    async with asyncio.timeout(PATIENCE):
        await chunks.acquire()
