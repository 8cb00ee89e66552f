"""The lines of the table, and a recorder for them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.client import Sent
from benchmarks.servers import Server

Watch = Callable[[Server, str, int], AbstractContextManager[None]]
"""Returns the context in which a number of items is measured: a profiler, or nothing."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a measurement.

    Attributes:
        items: Number of dashboards, and of charts where charts are measured.
        chunk: Number of items per message.
        calls: Number of unary calls.
        callers: Number of concurrent unary calls.
    """

    items: int
    chunk: int
    calls: int
    callers: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table.

    Attributes:
        cpu: Seconds of client, server and database.
        note: What the table shows beside it, instead of ratios to the floors.
    """

    database: str
    work: str
    items: int
    seconds: float
    cpu: tuple[float, float, float] = (0, 0, 0)
    note: str | None = None

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.items / self.seconds


class Recorder:
    """Records the work of one server on one database.

    Attributes:
        measures: The measurements so far.
        database: Name of the database.
    """

    def __init__(self, database: str, server: Server, watch: Watch) -> None:
        self.measures: list[Measure] = []
        self.database = database
        self._server = server
        self._watch = watch

    def beside(self, server: Server) -> "Recorder":
        """Returns a recorder for another server that is measured beside this one."""
        return Recorder(self.database, server, self._watch)

    def record(self, work: str, items: int, send: Callable[[], Sent], note: Callable[[], str] | None = None) -> None:
        """Adds a line for the work that `send` causes in the server; `note` is called after it."""
        before = self._server.cpu()
        with self._watch(self._server, f"{self.database} {work}", items):
            sent = send()
        server, database = (after - start for after, start in zip(self._server.cpu(), before, strict=True))
        cpu = sent.cpu, server, database
        self.measures.append(Measure(self.database, work, items, sent.seconds, cpu, note() if note else None))
