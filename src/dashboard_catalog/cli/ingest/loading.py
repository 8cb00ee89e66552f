"""Runs one load for `ingest`: sends the items through the client, and fills the report."""

from collections.abc import Iterable

import grpc
import grpc.aio

from dashboard_catalog.cli.connection import Connection
from dashboard_catalog.cli.endings import CommandError, Interrupted
from dashboard_catalog.cli.failures import failure_of
from dashboard_catalog.cli.ingest.failed import FailedItem
from dashboard_catalog.cli.ingest.report import Report
from dashboard_catalog.cli.ingest.unfinished import Unfinished
from dashboard_catalog.cli.progress import Shown
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog_client import Item, ItemFailure, LoadOptions, reason_of

# How long Ctrl-C may take to ask the server how far it is.
_SECONDS_TO_ASK = 3.0


class Loading:
    """One load.

    Args:
        connection: Connection to the server.
        items: The items to send; another thread reads them.
        options: Options of the load.
        report: Gets the results as they arrive.
        shown: Shows the progress.
        unfinished: Remembers the load until it ends; None if it cannot be resumed.
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
        self._load = connection.client.bulk_upsert(items, self._progress, self._lost, report.leave_out, **options)
        self._done = 0

    def run(self) -> None:
        """Runs the load to its end.

        Raises:
            CommandError: If it ends early; `Interrupted` after Ctrl-C. The server keeps what it has processed.
        """
        can_be_resumed = self._unfinished is not None and self._unfinished.begin(self._load.session_id)
        try:
            for failure in self._load:
                self._fail(failure)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted. {self._done_so_far(can_be_resumed)}".rstrip()) from None
        except grpc.RpcError as error:
            if reason_of(error) != "TOO_MANY_FAILURES":
                explained = self._connection.explain(error)
                # To ask would take the session away from the process that has it now.
                asks = reason_of(error) != "SESSION_SUPERSEDED"
                raise CommandError(f"{explained}\n{self._done_so_far(can_be_resumed, asks=asks)}".rstrip()) from error
            self._report.stopped = error.details() or ""
        self._end()

    def _end(self) -> None:
        if self._unfinished is not None:
            self._unfinished.end()
        self._report.session_id = self._load.session_id
        self._report.resumed_after = self._load.start_offset or 0
        if self._load.summary is not None:
            self._report.take(self._load.summary)

    def _progress(self, done: int) -> None:
        self._done = done
        self._shown.done(done + self._report.refused)

    def _lost(self, error: grpc.aio.AioRpcError) -> None:
        if self._load.start_offset is None:
            # There never was a connection, so say so at once.
            raise error
        self._shown.say("connection lost, trying again")
        self._shown.waiting()

    def _fail(self, failure: ItemFailure) -> None:
        # An item without content stands for one that could not be read; the report has that already.
        if failure.item.kind:
            kind, status = Kind.named(failure.kind), failure_of(failure.status)
            self._report.failures.append(FailedItem(failure.item.place, kind, failure.fqn, status))

    def _done_so_far(self, can_be_resumed: bool, *, asks: bool = True) -> str:
        if self._load.start_offset is None or self._unfinished is None:
            return ""
        # What the server has processed may not have been acknowledged.
        processed = self._load.processed(_SECONDS_TO_ASK) if asks else None
        count = self._done if processed is None else processed
        if not count:
            return ""
        done = f"{'At least ' if processed is None else ''}{count:,} item{'s' if count > 1 else ''} done. "
        if can_be_resumed:
            return f"{done}Run the command again with --resume to continue from there."
        return f"{done}It is safe to run the command again; these will be unchanged."
