"""The client of BulkUpsert: sends chunks, reads what became of them, and fills a report.

gRPC reads the requests in a thread of its own as fast as the server takes them, so no more than a few
chunks are in memory; responses are read in the caller's.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import grpc

from dashboard_catalog.cli.connection import Connection
from dashboard_catalog.cli.failures import CommandError, failure_of, failure_of_call
from dashboard_catalog.cli.kinds import Kind
from dashboard_catalog.cli.report import OUTCOMES, FailedItem, Report
from dashboard_catalog.client.chunks import Item
from dashboards.v1 import asset_pb2, bulk_pb2


class BulkUpload:
    """One stream.

    Args:
        connection: To the server.
        options: How it is written.
        chunks: What is sent; read in another thread.
        report: Filled as answers come.
    """

    def __init__(
        self,
        connection: Connection,
        options: bulk_pb2.BulkUpsertOptions,
        chunks: Iterable[list[Item]],
        report: Report,
    ) -> None:
        self._connection = connection
        self._options = options
        self._chunks = chunks
        self._report = report
        # Where the items came from that are on their way: offset of the first, and the place of each.
        self._places: deque[tuple[int, list[str]]] = deque()
        self._broken: Exception | None = None
        self._durable = 0
        self._summarised = False

    def run(self, on_progress: Callable[[int], None]) -> None:
        """Sends everything and reads everything.

        Args:
            on_progress: Called with the number of items that the server is done with.

        Raises:
            CommandError: If the stream ends before its time; what was acknowledged is kept by the server.
        """
        call = self._connection.dashboards.BulkUpsert(self._requests(), metadata=self._connection.metadata)
        try:
            for response in call:
                self._read(response)
                on_progress(self._durable)
        except KeyboardInterrupt:
            call.cancel()
            raise CommandError(f"interrupted. {self._what_is_done()}") from None
        except grpc.RpcError as error:
            self._end(error)
        if self._broken is not None:
            raise self._broken

    def _requests(self) -> Iterator[bulk_pb2.BulkUpsertRequest]:
        sent = 0
        yield bulk_pb2.BulkUpsertRequest(options=self._options)
        try:
            for chunk in self._chunks:
                self._places.append((sent, [item.place for item in chunk]))
                yield bulk_pb2.BulkUpsertRequest(offset=sent, items=[item.message for item in chunk])
                sent += len(chunk)
        except Exception as error:  # noqa: BLE001 - raised again by run(), where it can be seen
            self._broken = error
            return
        yield bulk_pb2.BulkUpsertRequest(finish=bulk_pb2.BulkUpsertFinish(total_items=sent))

    def _read(self, response: bulk_pb2.BulkUpsertResponse) -> None:
        match response.WhichOneof("response"):
            case "progress":
                for result in response.progress.results:
                    if result.outcome == asset_pb2.OUTCOME_FAILED:
                        self._fail(result)
                self._acknowledge(response.progress.next_offset)
            case "summary":
                self._summarised = True
                for outcome in OUTCOMES:
                    self._report.outcomes[outcome] = getattr(response.summary, outcome)

    def _fail(self, result: bulk_pb2.BulkUpsertResult) -> None:
        kind = Kind.named(result.kind)
        failed = FailedItem(self._place_of(result.offset), kind, result.fully_qualified_name, failure_of(result.status))
        self._report.add_failure(failed)

    def _place_of(self, offset: int) -> str:
        for first, places in list(self._places):
            if first <= offset < first + len(places):
                return places[offset - first]
        return f"item {offset}"

    def _acknowledge(self, next_offset: int) -> None:
        self._durable = next_offset
        while self._places and self._places[0][0] + len(self._places[0][1]) <= next_offset:
            self._places.popleft()

    def _end(self, error: grpc.RpcError) -> None:
        failure = failure_of_call(error)
        if self._summarised and failure.reason == "TOO_MANY_FAILURES":
            self._report.stopped = failure.message
            return
        explained = self._connection.explain(error)
        raise CommandError(f"{explained}\n{self._what_is_done()}" if self._durable else str(explained)) from error

    def _what_is_done(self) -> str:
        return f"{self._durable:,} items were done. Run it again: that is safe, and leaves them unchanged."
