"""Runs one load for `ingest`: from the items through the client into a report."""

from collections.abc import Iterable

import grpc
import grpc.aio

from dashboard_catalog.cli.connection import Connection
from dashboard_catalog.cli.failures import CommandError, failure_of
from dashboard_catalog.cli.ingest.progress import Shown
from dashboard_catalog.cli.ingest.report import FailedItem, Report
from dashboard_catalog.cli.ingest.unfinished import Unfinished
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog_client import Item, ItemFailure, LoadOptions, reason_of


class Loading:
    """One load.

    Args:
        connection: To the server.
        items: What is sent; read in another thread.
        options: How it is written.
        report: Filled as answers come.
        shown: Shows how far it is.
        unfinished: Remembers it while it has not ended; None if it cannot be resumed.
    """

    def __init__(
        self,
        connection: Connection,
        items: Iterable[Item],
        options: LoadOptions,
        *,
        report: Report,
        shown: Shown,
        unfinished: Unfinished | None,
    ) -> None:
        self._connection = connection
        self._report = report
        self._shown = shown
        self._unfinished = unfinished
        self._load = connection.client.bulk_upsert(items, self._progress, self._lost, **options)
        self._done = 0

    def run(self) -> None:
        """Sends everything and reads everything.

        Raises:
            CommandError: If it ends before its time; what was acknowledged is kept by the server.
        """
        can_be_resumed = self._unfinished is not None and self._unfinished.begin(self._load.session_id)
        try:
            for failure in self._load:
                self._fail(failure)
        except KeyboardInterrupt:
            raise CommandError(f"interrupted. {self._what_is_done(can_be_resumed)}".rstrip()) from None
        except grpc.RpcError as error:
            if reason_of(error) != "TOO_MANY_FAILURES":
                explained = self._connection.explain(error)
                raise CommandError(f"{explained}\n{self._what_is_done(can_be_resumed)}".rstrip()) from error
            self._report.stopped = error.details() or ""
        self._end()

    def _end(self) -> None:
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

    def _fail(self, failure: ItemFailure) -> None:
        # One without content stands for what could not be read, of which the report knows.
        if failure.item.kind:
            kind, status = Kind.named(failure.kind), failure_of(failure.status)
            self._report.add_failure(FailedItem(failure.item.place, kind, failure.fqn, status))

    def _what_is_done(self, can_be_resumed: bool) -> str:
        if not self._done or self._unfinished is None:
            return ""
        done = f"{self._done:,} item{'s were' if self._done > 1 else ' was'} done. Run it again"
        if can_be_resumed:
            return f"{done} with --resume to go on from there, or without: that is safe, too."
        return f"{done}: that is safe, and leaves them unchanged."
