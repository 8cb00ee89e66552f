"""What became of a sweep, in words and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboardcatalog.v1 import bulk_pb2

_SHOWN = 10
_NOTHING = "nothing was deleted"


@dataclass(frozen=True, slots=True)
class Swept:
    """The answer to a sweep.

    Attributes:
        service: What was swept.
        outcome: The contract's `SweepOutcome` without its prefix; empty if the load ended before it came to a sweep.
        deleted: How many assets it deleted.
        would_delete: How many it would delete, where it did not run.
        sample: Fully qualified names of some of them.
    """

    service: str
    outcome: str = ""
    deleted: int = 0
    would_delete: int = 0
    sample: tuple[str, ...] = ()

    @classmethod
    def of(cls, service: str, summary: bulk_pb2.BulkUpsertSummary) -> "Swept":
        """Returns what a summary says of the sweep."""
        if not summary.HasField("sweep"):
            return cls(service)
        sweep = summary.sweep
        outcome = bulk_pb2.SweepOutcome.Name(sweep.outcome).removeprefix("SWEEP_OUTCOME_")
        return cls(service, outcome, sweep.deleted, sweep.would_delete, tuple(sweep.sample))

    @property
    def was_stopped(self) -> bool:
        """Whether it did not run, though it should have."""
        return self.outcome not in {"DONE", "PREVIEWED"}

    def lines(self) -> Iterator[str]:
        """Yields it as lines for people."""
        yield f"Sweep of {self.service}: {self._text()}"
        yield from (f"  {name}" for name in self.sample[:_SHOWN])
        if more := max(self.deleted, self.would_delete) - min(len(self.sample), _SHOWN):
            yield f"  ... and {more:,} more"

    def as_json(self) -> dict[str, Any]:
        """Returns it for programs."""
        return {
            "service": self.service,
            "outcome": self.outcome,
            "deleted": self.deleted,
            "wouldDelete": self.would_delete,
            "sample": list(self.sample),
        }

    def _text(self) -> str:
        would = f"{self.would_delete:,} would be that the source does not hold"
        match self.outcome:
            case "DONE":
                return f"{self.deleted:,} deleted that the source does not hold"
            case "PREVIEWED":
                return f"{self.would_delete:,} would be deleted that the source does not hold"
            case "TOO_MANY":
                return f"{_NOTHING}; {would}, more than --max-deleted-percent allows"
            case "EMPTY_SESSION":
                return f"{_NOTHING}; the source holds no dashboard or chart of it"
            case "UNREADABLE_ITEM":
                return f"{_NOTHING}, since an item could not be read; {would}"
            case _:
                return f"{_NOTHING}; {self.outcome or 'the load stopped before'}"
