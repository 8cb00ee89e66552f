"""Sends metrics again and again, each time all of them."""

import asyncio
import time
from contextlib import suppress
from functools import partial
from threading import Lock

import structlog
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.resources import Resource

from dashboard_catalog.otlp.families import Collect, metrics_data
from dashboard_catalog.otlp.threads import done_in_thread

_EXPORT_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class MetricSender:
    """Sends metrics.

    Args:
        exporter: Sends all of them once.
        resource: Whose they are.
        seconds: How often to send them.
    """

    def __init__(self, exporter: MetricExporter, resource: Resource, seconds: float) -> None:
        self._exporter = exporter
        self._resource = resource
        self._seconds = seconds
        self._exporting = Lock()
        self._began = time.time_ns()
        self._collect: Collect | None = None
        self._sending: asyncio.Task[None] | None = None

    def start(self, collect: Collect) -> None:
        """Begins to send what `collect` returns."""
        self._collect = collect
        self._sending = asyncio.create_task(self._send_on(collect))

    async def close(self, seconds: float) -> None:
        """Sends the metrics for the last time, but gives up after some seconds."""
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                if self._collect is not None:
                    # One export may be under way, without the last figures.
                    await self._send(self._collect, after=seconds / 2)
                await done_in_thread(self._exporter.shutdown, seconds)

    async def _send_on(self, collect: Collect) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self._send(collect)

    async def _send(self, collect: Collect, *, after: float = 0) -> None:
        """Sends the metrics in a thread, unless an export is under way that does not end within `after` seconds."""
        # To collect reads files, too, and would hold up the event loop.
        await done_in_thread(partial(self._collect_and_export, collect, after), _EXPORT_SECONDS)

    def _collect_and_export(self, collect: Collect, after: float) -> None:
        # A collector that never ends its answers must not take one thread after the other.
        if not self._exporting.acquire(timeout=after):
            _log.error("metrics_not_sent", problem="the collector has not yet answered the last export")
            return
        try:
            # The exporter logs what goes wrong.
            self._exporter.export(metrics_data(collect(), self._resource, since=self._began, now=time.time_ns()))
        except Exception:  # noqa: BLE001 - the next time may succeed, and the calls go on
            _log.exception("metrics_not_sent")
        finally:
            self._exporting.release()
