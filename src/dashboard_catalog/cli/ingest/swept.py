"""The result of a sweep, in words and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboardcatalog.v1 import bulk_pb2

_SHOWN = 10
_NOTHING = "nothing deleted"


@dataclass(frozen=True, slots=True)
class Swept:
    """The result of a sweep.

    Attributes:
        service: The BI service.
        outcome: The contract's `SweepOutcome` without its prefix; empty if the load ended before the sweep.
        deleted: Number of deleted assets.
        would_delete: Number of assets that it would have deleted, if it did not run.
        sample: Fully qualified names of some of them.
    """

    service: str
    outcome: str = ""
    deleted: int = 0
    would_delete: int = 0
    sample: tuple[str, ...] = ()

    @classmethod
    def of(cls, service: str, summary: bulk_pb2.BulkUpsertSummary) -> "Swept":
        """Returns the result in a summary."""
        if not summary.HasField("sweep"):
            return cls(service)
        sweep = summary.sweep
        outcome = bulk_pb2.SweepOutcome.Name(sweep.outcome).removeprefix("SWEEP_OUTCOME_")
        return cls(service, outcome, sweep.deleted, sweep.would_delete, tuple(sweep.sample))

    @property
    def was_stopped(self) -> bool:
        """Whether it should have run but did not."""
        return self.outcome not in {"DONE", "PREVIEWED"}

    def lines(self) -> Iterator[str]:
        """Yields the lines for people."""
        yield f"Sweep of {self.service}: {self._text()}"
        yield from (f"  {name}" for name in self.sample[:_SHOWN])
        if more := max(self.deleted, self.would_delete) - min(len(self.sample), _SHOWN):
            yield f"  ... and {more:,} more"

    def as_json(self) -> dict[str, Any]:
        """Returns the object for programs."""
        return {
            "service": self.service,
            "outcome": self.outcome,
            "deleted": self.deleted,
            "wouldDelete": self.would_delete,
            "sample": list(self.sample),
        }

    def _text(self) -> str:
        lacks = f"the source lacks {_assets(self.would_delete)}"
        match self.outcome:
            case "DONE" | "PREVIEWED" if not (self.deleted or self.would_delete):
                return "nothing to delete"
            case "DONE":
                return f"deleted {_assets(self.deleted)} that the source lacks"
            case "PREVIEWED":
                return f"would delete {_assets(self.would_delete)} that the source lacks"
            case "TOO_MANY":
                return f"{_NOTHING}: {lacks}, more than --max-deleted-percent allows"
            case "EMPTY_SESSION":
                return f"{_NOTHING}: the source has no dashboard or chart of it"
            case "UNREADABLE_ITEM":
                return f"{_NOTHING}: an item could not be read{f'; {lacks}' if self.would_delete else ''}"
            case _:
                return f"{_NOTHING}: {self.outcome or 'the load stopped early'}"


def _assets(count: int) -> str:
    return f"{count:,} asset{'' if count == 1 else 's'}"
