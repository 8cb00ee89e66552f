"""Runs one load for `ingest`: from the items through the client into a report."""

from collections.abc import Iterable
from typing import NoReturn

import grpc
import grpc.aio

from dashboard_catalog.cli.connection import Connection
from dashboard_catalog.cli.failures import CommandError, failure_of, failure_of_call
from dashboard_catalog.cli.kinds import Kind
from dashboard_catalog.cli.progress import Shown
from dashboard_catalog.cli.report import FailedItem, Report
from dashboard_catalog.cli.unfinished import Unfinished
from dashboard_catalog.client import Item, ItemFailure, LoadOptions


class Loading:
    """One load.

    Args:
        connection: To the server.
        report: Filled as answers come.
        shown: Shows how far it is.
        unfinished: Remembers it while it has not ended; None if it cannot be resumed.
    """

    def __init__(self, connection: Connection, report: Report, shown: Shown, unfinished: Unfinished | None) -> None:
        self._connection = connection
        self._report = report
        self._shown = shown
        self._unfinished = unfinished
        self._done = 0
        self._can_be_resumed = False

    def run(self, items: Iterable[Item], options: LoadOptions, fingerprint: str) -> None:
        """Sends everything and reads everything.

        Args:
            items: What is sent; read in another thread.
            options: How it is written.
            fingerprint: Stands for both.

        Raises:
            CommandError: If the load ends before its time; what was acknowledged is kept by the server.
        """
        self._load = self._connection.client.bulk_upsert(items, self._progress, self._lost, **options)
        if self._unfinished is not None:
            self._can_be_resumed = self._unfinished.begin(self._load.session_id, fingerprint)
        try:
            for failure in self._load:
                self._fail(failure)
        except KeyboardInterrupt:
            raise CommandError(f"interrupted{self._what_is_done('. ')}") from None
        except grpc.RpcError as error:
            self._end(error)
        self._finish()

    def _finish(self) -> None:
        if self._unfinished is not None:
            self._unfinished.end()
        self._report.session_id = self._load.session_id
        self._report.resumed_after = self._load.began_at or 0
        if self._load.summary is not None:
            self._report.take(self._load.summary)

    def _progress(self, done: int) -> None:
        self._done = done
        self._shown.done(done + self._report.refused)

    def _lost(self, error: grpc.aio.AioRpcError) -> None:
        if self._load.began_at is None:
            # There never was a connection: better said at once.
            raise error
        self._shown.say("connection lost, trying again")
