"""The result of a load, as a table for people and as JSON for programs."""

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
        place: Where it was found: `charts.ndjson:12`.
        kind: Its kind; empty if that is unknown.
        name: Its fully qualified name, or the part that is known.
        failure: Why it failed.
    """

    place: str
    kind: str
    name: str
    failure: Failure


@dataclass(slots=True)
class Report:
    """Counts of one load, and its first failures.

    Attributes:
        source: The path that was read.
        shown: Maximum number of failures to keep for the list; None for all.
        outcomes: Number of items by outcome.
        sent: Number of items that were sent, by kind.
        refused: Number of items that were not sent, since they cannot become a message.
        dropped: Number of fields that the catalog does not have, by path.
        failures: The first failed items.
        stopped: Why the load ended early; empty if it did not.
        swept: The result of the sweep; None if none was asked for.
        session_id: UUID of the load, as in the log of the server.
        resumed_after: Number of items that an earlier load of the same session had done.
        seconds: Duration of the load.
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
        """Number of all items that were not written."""
        return self.outcomes["failed"] + self.refused

    @property
    def is_done(self) -> bool:
        """Whether everything was done."""
        return not (self.failed or self.stopped or (self.swept and self.swept.was_stopped))

    def take(self, summary: bulk_pb2.BulkUpsertSummary) -> None:
        """Takes the summary of the server."""
        for outcome in OUTCOMES:
            self.outcomes[outcome] = getattr(summary, outcome)
        if self.swept:
            self.swept = Swept.of(self.swept.service, summary)

    def add_failure(self, failed: FailedItem) -> None:
        """Keeps a failure if the list has room for it."""
        if self.shown is None or len(self.failures) < self.shown:
            self.failures.append(failed)

    def print_for_people(self, *, dry_run: bool) -> None:
        """Prints the failures and the counts to standard output."""
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
            yield output.cell(f"... and {hidden:,} more that failed; list all with --all-failures")
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
        did = "validated, nothing written," if dry_run else "sent"
        rate = total / self.seconds if self.seconds else 0
        time = f"{self.seconds:.{0 if self.seconds >= 10 else 2}f} s"
        yield f"{self.source}: {kinds or 'no items'} {did} in {time} ({rate:,.0f}/s)"
        if self.resumed_after:
            yield f"Resumed: {self.resumed_after:,} of them were done before"
        if self.dropped:
            fields = ", ".join(f"{path} ({count:,})" for path, count in self.dropped.most_common())
            yield f"Left out, because the catalog does not have these fields: {fields}"
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
