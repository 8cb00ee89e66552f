"""The sweep of a session: what it did not mention in its BI service is soft-deleted, if nothing speaks against it.

It touches only what ingestion has written, nothing that changed after the session began, and nothing that it mentioned.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from dashboard_catalog.catalog.bulk.mentions import Mentions
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Verb, Writer
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.tables import AssetRecord, EntityRecord

MOST_SAMPLED = 100

# Fewer than this are deleted whatever their share is.
_FEW = 5

_BATCH = 1000


class SweepOutcome(StrEnum):
    """What became of a sweep: the contract's `SweepOutcome` without its prefix."""

    DONE = "DONE"
    PREVIEWED = "PREVIEWED"
    TOO_MANY = "TOO_MANY"
    EMPTY_SESSION = "EMPTY_SESSION"
    UNREADABLE_ITEM = "UNREADABLE_ITEM"


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep did; `sample` holds fully qualified names of what it deleted or would delete."""

    outcome: SweepOutcome
    deleted: int = 0
    would_delete: int = 0
    sample: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return asdict(self)


class Sweep:
    """One sweep.

    Args:
        max_deleted_percent: Nothing is deleted if more than this share of five or more assets would be.
    """

    def __init__(self, pipeline: Pipeline, writer: Writer, max_deleted_percent: int) -> None:
        self._pipeline = pipeline
        self._writer = writer
        self._percent = max_deleted_percent

    async def run(
        self, connection: WriteConnection, service: EntityRecord | None, mentions: Mentions, began_after: int
    ) -> SweepResult:
        """Deletes what `mentions` lacks, in the transaction of `connection`, unless a guard speaks against it.

        Args:
            began_after: Number of the last change of the service before the session.
        """
        previewed, unmentioned = await self._preview(connection, service, mentions, began_after)
        if service is None or previewed.outcome is not SweepOutcome.PREVIEWED:
            return previewed
        deleted = await self._delete(connection, service, unmentioned, mentions, began_after)
        return SweepResult(SweepOutcome.DONE, deleted=deleted, sample=previewed.sample)

    async def preview(
        self, connection: ReadConnection, service: EntityRecord | None, mentions: Mentions, began_after: int
    ) -> SweepResult:
        """Returns what `run` would delete, or why it would delete nothing."""
        previewed, _ = await self._preview(connection, service, mentions, began_after)
        return previewed

    async def _preview(
        self, connection: ReadConnection, service: EntityRecord | None, mentions: Mentions, began_after: int
    ) -> tuple[SweepResult, list[tuple[AssetKind, str]]]:
        if service is None or not mentions.kinds():
            return SweepResult(SweepOutcome.EMPTY_SESSION), []
        unmentioned: list[tuple[AssetKind, str]] = []
        too_many = False
        for kind in mentions.kinds():
            # Not of the mentioned ones: they may have been written by the session itself.
            candidates = await kind.table.ingested_names(connection, service.id)
            gone = [name for name, change in candidates if change <= began_after and not mentions.hold(kind.name, name)]
            too_many = too_many or (len(candidates) >= _FEW and len(gone) * 100 > self._percent * len(candidates))
            unmentioned += [(kind, name) for name in gone]
        sample = [names.join(service.name, name) for _, name in unmentioned[:MOST_SAMPLED]]
        outcome = (
            SweepOutcome.UNREADABLE_ITEM
            if mentions.unreadable
            else SweepOutcome.TOO_MANY
            if too_many
            else SweepOutcome.PREVIEWED
        )
        return SweepResult(outcome, would_delete=len(unmentioned), sample=sample), unmentioned

    async def _delete(
        self,
        connection: WriteConnection,
        service: EntityRecord,
        unmentioned: Sequence[tuple[AssetKind, str]],
        mentions: Mentions,
        began_after: int,
    ) -> int:
        def may_go_along(chart: AssetRecord) -> bool:
            return chart.ingested and chart.change_number <= began_after and not mentions.hold("chart", chart.name)

        deleted = 0
        for start in range(0, len(unmentioned), _BATCH):
            writes = [
                AssetWrite(
                    kind=kind,
                    verb=Verb.DELETE,
                    writer=self._writer,
                    key=AssetName(service.name, name),
                    takes_along=may_go_along,
                )
                for kind, name in unmentioned[start : start + _BATCH]
            ]
            results = await self._pipeline.run(connection, Batch(writes))
            deleted += sum(not isinstance(result, CatalogError) for result in results)
        return deleted
