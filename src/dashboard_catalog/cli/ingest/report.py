"""The result of a load, as a table for people and as JSON for programs."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format
from rich.table import Table
from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.ingest.failed import FailedItem, all_lines, first, grouped_lines
from dashboard_catalog.cli.ingest.swept import Swept
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog_client import Item
from dashboardcatalog.v1 import bulk_pb2

SHOWN_PER_KIND = 5
"""How many items of each kind the result of a dry run shows."""
_SHOWN_PATHS = 5
"""How many paths of fields a line shows."""
# What `--missing create` creates.
_CREATABLE = (".owners", ".tags", ".domain")
WRITTEN = ("created", "updated", "restored")
OUTCOMES = ("created", "updated", "unchanged", "restored", "suppressed", "failed")


@dataclass(slots=True)
class Report:
    """Counts of one load, and its failures.

    Attributes:
        source: The path that was read.
        shown: Maximum number of failures to list; None for all.
        outcomes: Number of items by outcome.
        sent: Number of items that were sent, by kind.
        refused: Number of items that were not sent, since they cannot become a message.
        missing: What becomes of references to what does not exist: `fail`, `drop` or `create`.
        dropped: Number of fields that the catalog does not have, by path.
        left_out: Number of references to what does not exist, by the path of their field.
        mixes_owners: Whether an item that may have its owners created names users and a team.
        created: What the command created because items refer to it, and is not in the source.
        created_references: Number of things that the server created likewise, by kind.
        previewed: Some items of each kind, with their names, if `previews`.
        previews: Whether to keep and show some items, as the source does not have them in the form of the catalog.
        failures: The failed items, in any order; at most a few more than `max_failures`.
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
    missing: str = "fail"
    dropped: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    mixes_owners: bool = False
    created: list[str] = field(default_factory=list)
    created_references: Counter[str] = field(default_factory=Counter)
    previewed: dict[Kind, list[tuple[str, Item]]] = field(default_factory=dict)
    previews: bool = False
    failures: list[FailedItem] = field(default_factory=list)
    stopped: str = ""
    swept: Swept | None = None
    session_id: str = ""
    resumed_after: int = 0
    seconds: float = 0.0

    @property
    def source_name(self) -> str:
        """The source as people call it."""
        return "standard input" if self.source == "-" else self.source

    @property
    def failed(self) -> int:
        """Number of all items that were not written."""
        return self.outcomes["failed"] + self.refused

    @property
    def is_done(self) -> bool:
        """Whether everything was done."""
        return not (self.failed or self.stopped or (self.swept and self.swept.was_stopped))

    @property
    def can_be_undone(self) -> bool:
        """Whether the load may have written dashboards or charts; entities are not reverted."""
        written = any(self.outcomes[outcome] for outcome in WRITTEN)
        has_assets = any(self.sent[kind] for kind in (Kind.CHART, Kind.DASHBOARD))
        return (written and has_assets) or bool(self.swept and self.swept.deleted)

    def count(self, kind: Kind, name: str, item: Item) -> None:
        """Counts an item that is sent."""
        self.sent[item.kind] += 1
        if self.missing == "create" and kind.is_asset:
            self.mixes_owners |= len({owner.type for owner in getattr(item.sent, kind).owners}) > 1
        if self.previews and len(shown := self.previewed.setdefault(kind, [])) < SHOWN_PER_KIND:
            shown.append((name, item))

    def leave_out(self, result: bulk_pb2.BulkUpsertResult) -> None:
        """Counts what the server left out of an item because it does not exist."""
        kind = Kind.named(result.kind)
        self.left_out.update(f"{kind}.{part.partition('.')[0]}" for part in result.left_out)

    def take(self, summary: bulk_pb2.BulkUpsertSummary) -> None:
        """Takes the summary of the server."""
        for outcome in OUTCOMES:
            self.outcomes[outcome] = getattr(summary, outcome)
        self.created_references.update({Kind.named(one.kind): one.count for one in summary.created_references})
        if self.swept:
            self.swept = Swept.of(self.swept.service, summary)

    def print_for_people(self, *, dry_run: bool) -> None:
        """Prints the failures and the counts to standard output."""
        console = output.results()
        # On a terminal, lines break between words.
        one_line = not console.is_terminal
        with output.naming_standard_output():
            for part in self._failure_lines():
                console.print(part, soft_wrap=one_line)
            console.print(self._count_table())
            for line in self._remarks(dry_run=dry_run):
                console.print(output.cell(line), soft_wrap=one_line)

    def print_for_programs(self) -> None:
        """Prints one JSON object to standard output."""
        output.write_line(json.dumps(self._as_json(), ensure_ascii=False))

    def _failure_lines(self) -> Iterator[Text]:
        if self.shown is None:
            yield from all_lines(self.failures)
        else:
            yield from grouped_lines(self.failures, self.shown)
        if unlisted := self.failed - len(self.failures):
            yield output.cell(f"... and {unlisted:,} more that failed, which the server did not name")
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
        yield f"{self.source_name}: {kinds or 'no items'} {did} in {time} ({rate:,.0f}/s)"
        if self.resumed_after:
            yield f"Resumed: {self.resumed_after:,} of them were done before"
        if self.dropped:
            yield f"Left out, because the catalog does not keep it: {_counted(self.dropped)}"
        yield from self._reference_lines(dry_run=dry_run)
        yield from self._preview_lines()
        if self.stopped:
            yield f"Stopped early: {self.stopped}"
        if self.swept:
            yield from self.swept.lines()

    def _reference_lines(self, *, dry_run: bool) -> Iterator[str]:
        """Yields what became of references to what does not exist."""
        if self.missing == "fail" and any(one.failure.refers_to_nothing for one in self.failures):
            yield "To load items without what does not exist, add --missing drop; to create it, --missing create"
        if self.left_out:
            creates = self.missing == "create"
            reason = "it does not exist here" + (" and could not be created" if creates else "")
            can_create = not creates and any(path.endswith(_CREATABLE) for path in self.left_out)
            hint = "; to create owners, tags and domains, add --missing create" if can_create else ""
            yield f"Left out, because {reason}: {_counted(self.left_out)}{hint}"
        if self.mixes_owners and any(path.endswith(".owners") for path in self.left_out):
            yield "Users and a team were not created as owners of the same asset: users own it, or one team"
        counts = [f"{count:,} {_plural(kind, count)}" for kind, count in self.created_references.items()]
        if made := [*self.created, *counts]:
            yield f"{'Would be created' if dry_run else 'Created'}, because items need it: {', '.join(made)}"

    def _preview_lines(self) -> Iterator[str]:
        if self.previewed:
            yield "The first items of each kind:"
        for kind, items in self.previewed.items():
            for name, item in items:
                title = getattr(getattr(item.sent, kind, None), "display_name", "")
                yield f"  {kind.replace('_', ' ')} {name}{f'  {title}' if title else ''}"

    def _as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "items": dict(self.sent),
            **{outcome: self.outcomes[outcome] for outcome in OUTCOMES},
            "failed": self.failed,
            "notSent": self.refused,
            "droppedFields": dict(self.dropped),
            "leftOutReferences": dict(self.left_out),
            "createdEntities": self.created,
            "createdReferences": dict(self.created_references),
            "preview": [json_format.MessageToDict(one.sent) for some in self.previewed.values() for _, one in some],
            "failures": [one.as_json() for one in first(self.failures, self.shown)],
            "stopped": self.stopped,
            "sweep": self.swept.as_json() if self.swept else None,
            "sessionId": self.session_id,
            "resumedAfter": self.resumed_after,
            "seconds": round(self.seconds, 3),
        }


def _plural(kind: str, count: int) -> str:
    if count == 1:
        return kind.replace("_", " ")
    return "entities" if kind == "entity" else f"{kind.replace('_', ' ')}s"


def _counted(paths: Counter[str]) -> str:
    shown = ", ".join(f"{path} ({count:,})" for path, count in paths.most_common(_SHOWN_PATHS))
    hidden = len(paths) - _SHOWN_PATHS
    return f"{shown} and {hidden} more, which --json lists" if hidden > 0 else shown
