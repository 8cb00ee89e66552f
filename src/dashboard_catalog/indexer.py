"""The process that keeps the search index of one server like its database.

It must not know gRPC or the contract, so that it starts fast and takes little memory.
"""

import asyncio
import os
from contextlib import suppress

from dashboard_catalog import logs
from dashboard_catalog.catalog.indexing.indexer import Indexer
from dashboard_catalog.index.folders import IndexFolder
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.metrics.exchange import Link, Member
from dashboard_catalog.otlp.exporting import exporting
from dashboard_catalog.processes import run_until_stopped
from dashboard_catalog.settings import Settings
from dashboard_catalog.store.database import Database
from dashboard_catalog.tracing.spans import Spans

# It gets a tenth of a busy processor, and all of an idle one.
_NICENESS = 10


def run_indexer(settings: Settings, link: Link | None = None) -> None:
    """Indexes until SIGTERM, or until the server has ended, however that happens.

    Args:
        settings: Those of the server.
        link: By which the server asks for its metrics.
    """
    logs.configure(settings.log_level, settings.log_format)
    with suppress(OSError):
        os.nice(_NICENESS)
    metrics = Metrics()
    if link:
        Member(link, metrics)
    run_until_stopped(lambda stop_requested: _index(settings, metrics, stop_requested))


async def _index(settings: Settings, metrics: Metrics, stop_requested: asyncio.Event) -> None:
    async with exporting(os.environ) as export:
        export.send_metrics(metrics.registry.collect)
        provider = export.tracer_provider
        await _index_with(settings, metrics, stop_requested, Spans(provider) if provider else None)


async def _index_with(settings: Settings, metrics: Metrics, stop_requested: asyncio.Event, spans: Spans | None) -> None:
    database = Database(settings.database_url, pool_size=1, metrics=metrics, spans=spans)
    indexing = asyncio.create_task(Indexer(database, IndexFolder(settings.search_index_dir), spans).run())
    stopping = asyncio.create_task(stop_requested.wait())
    try:
        await asyncio.wait({indexing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if indexing.done():
            # A bug: the process ends with its traceback, and the server starts another one.
            indexing.result()
    finally:
        indexing.cancel()
        await database.close()
