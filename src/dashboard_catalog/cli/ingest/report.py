"""What an ingestion came to, and how it is shown: a table for people, JSON for programs."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.failures import Failure
from dashboard_catalog.cli.ingest.swept import Swept
from dashboardcatalog.v1 import bulk_pb2

OUTCOMES = ("created", "updated", "unchanged", "restored", "suppressed", "failed")


@dataclass(frozen=True, slots=True)
class FailedItem:
    """An item that was not written.

    Attributes:
        place: Where it was read: `charts.ndjson:12`.
        kind: Its kind; empty if it could not be told.
        name: Its fully qualified name, as far as it could be told.
        failure: Why.
    """

    place: str
    kind: str
    name: str
    failure: Failure


@dataclass(slots=True)
class Report:
    """Counts of one ingestion, and its first failures.

    Attributes:
        source: What was read.
        shown: How many failures are kept to be listed; None for all.
        outcomes: What the server did, by outcome.
        sent: Items sent, by kind.
        refused: Items that were not sent, since they make no message.
        dropped: Fields that the catalog does not keep, by path.
        failures: The first failed items.
        stopped: Why it ended early; empty if it did not.
        swept: What the sweep did, if there was to be one.
        session_id: Names the load in the server's log.
        resumed_after: How many items an earlier load of the same session had done.
        seconds: How long it took.
    """

    source: str
    shown: int | None
    outcomes: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    failures: list[FailedItem] = field(default_factory=list)
    stopped: str = ""
    swept: Swept | None = None
    session_id: str = ""
    resumed_after: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        """All items that were not written, for whatever reason."""
        return self.outcomes["failed"] + self.refused

    @property
    def is_done(self) -> bool:
        """Whether all that was asked for has been done."""
        return not (self.failed or self.stopped or (self.swept and self.swept.was_stopped))

    def take(self, summary: bulk_pb2.BulkUpsertSummary) -> None:
        """Takes what the server says of the whole."""
        for outcome in OUTCOMES:
            self.outcomes[outcome] = getattr(summary, outcome)
        if self.swept:
            self.swept = Swept.of(self.swept.service, summary)

    def add_failure(self, failed: FailedItem) -> None:
        """Keeps a failure if there is room to show it."""
        if self.shown is None or len(self.failures) < self.shown:
            self.failures.append(failed)

    def print_for_people(self, *, dry_run: bool) -> None:
        """Prints failures, what was left out, and the counts, to standard output."""
        console = output.results()
        for part in self._failure_lines():
            console.print(part, soft_wrap=True)
        console.print(self._count_table())
        for line in self._remarks(dry_run=dry_run):
            console.print(output.cell(line), soft_wrap=True)

    def print_for_programs(self) -> None:
        """Prints one JSON object to standard output."""
        output.write_line(json.dumps(self._as_json(), ensure_ascii=False))

    def _failure_lines(self) -> Iterator[Text]:
        for one in self.failures:
            named = output.cell(f"  {one.kind} {one.name}".rstrip())
            yield Text.assemble((output.printable(one.place), "bold"), named)
            for line in one.failure.lines():
                yield output.cell(f"    {line}", "red")
        if hidden := self.failed - len(self.failures):
            yield output.cell(f"... and {hidden:,} more that failed; --all-failures lists them all")
        if self.failed:
            yield Text()

    def _count_table(self) -> Table:
        table = output.table(*OUTCOMES)
        for column in table.columns:
            column.justify = "right"
        counts = dict(self.outcomes) | {"failed": self.failed}
        table.add_row(*(output.cell(f"{counts.get(outcome, 0):,}") for outcome in OUTCOMES))
        return table

    def _remarks(self, *, dry_run: bool) -> Iterator[str]:
        total = sum(self.sent.values())
        kinds = ", ".join(f"{count:,} {_plural(kind, count)}" for kind, count in self.sent.items())
        did = "checked, nothing was written" if dry_run else "sent"
        rate = total / self.seconds if self.seconds else 0
        time = f"{self.seconds:.{0 if self.seconds >= 10 else 2}f} s"
        yield f"{self.source}: {kinds or 'no items'} {did} in {time} ({rate:,.0f} a second)"
        if self.resumed_after:
            yield f"Resumed: {self.resumed_after:,} of them had been done before"
        if self.dropped:
            fields = ", ".join(f"{path} ({count:,})" for path, count in self.dropped.most_common())
            yield f"Not kept by the catalog and left out: {fields}"
        if self.stopped:
            yield f"Stopped early: {self.stopped}"
        if self.swept:
            yield from self.swept.lines()

    def _as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "items": dict(self.sent),
            **{outcome: self.outcomes[outcome] for outcome in OUTCOMES},
            "failed": self.failed,
            "notSent": self.refused,
            "droppedFields": dict(self.dropped),
            "failures": [_failure_as_json(one) for one in self.failures],
            "stopped": self.stopped,
            "sweep": self.swept.as_json() if self.swept else None,
            "sessionId": self.session_id,
            "resumedAfter": self.resumed_after,
            "seconds": round(self.seconds, 3),
        }


def _failure_as_json(failed: FailedItem) -> dict[str, Any]:
    return {
        "place": failed.place,
        "kind": failed.kind,
        "fullyQualifiedName": failed.name,
        "code": failed.failure.code,
        "reason": failed.failure.reason,
        "message": failed.failure.message,
        "violations": [
            {"field": problem.field, "reason": problem.reason, "description": problem.text}
            for problem in failed.failure.problems
        ],
    }


def _plural(kind: str, count: int) -> str:
    if count == 1:
        return kind.replace("_", " ")
    return "entities" if kind == "entity" else f"{kind}s"
