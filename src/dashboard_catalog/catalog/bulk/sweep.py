"""The sweep of a session: what it did not mention in its BI service is soft-deleted, if nothing speaks against it.

It touches only what ingestion has written, nothing that changed after the session began, and nothing that it mentioned.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Verb, Writer
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, AssetKind
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.tables import AssetRecord, EntityRecord, MentionRecord, SessionRecord

MOST_SAMPLED = 100

# Fewer than this are deleted whatever their share is.
_FEW = 5
_BATCH = 1000
_DIGEST_BYTES = 8
# Under this kind stand the charts that dashboards refer to: they stay, but do not make charts a mentioned kind.
_HELD = "held"


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


class Mentions:
    """What a session mentioned in its BI service, as digests of names by kind."""

    def __init__(self) -> None:
        self.digests: dict[str, set[bytes]] = defaultdict(set)
        self.unreadable = False

    @classmethod
    def of(cls, items: Iterable[Any], service: str) -> "Mentions":
        """Returns what the items of a chunk mention; refused ones count, unless their name cannot be told."""
        mentions = cls()
        for item in items:
            if item.kind in ASSET_KINDS:
                mentions._add(item, service)
            elif not item.kind:
                mentions.unreadable = True
        return mentions

    @classmethod
    def read(cls, stored: Iterable[tuple[str, bytes]], unreadable: bool) -> "Mentions":
        """Returns what the chunks of a session stored."""
        mentions = cls()
        mentions.unreadable = unreadable
        for kind, digests in stored:
            mentions.digests[kind].update(
                digests[start : start + _DIGEST_BYTES] for start in range(0, len(digests), _DIGEST_BYTES)
            )
        return mentions

    def update(self, other: "Mentions") -> None:
        """Adds what another chunk mentioned."""
        self.unreadable = self.unreadable or other.unreadable
        for kind, digests in other.digests.items():
            self.digests[kind] |= digests

    async def store(self, connection: WriteConnection, session: SessionRecord) -> None:
        """Stores what a chunk mentioned, in one row a kind."""
        rows = [
            MentionRecord(
                service_id=session.service_id,
                session_id=session.id,
                item_offset=session.next_offset,
                kind=kind,
                digests=b"".join(sorted(digests)),
            )
            for kind, digests in self.digests.items()
        ]
        if rows:
            await sessions.add_mentions(connection, rows)

    def kinds(self) -> list[AssetKind]:
        """Returns the kinds of which anything was mentioned, what is held before what holds it."""
        return [kind for name, kind in ASSET_KINDS.items() if self.digests.get(name)]

    def hold(self, kind: str, name: str) -> bool:
        """Says whether an asset of the service was mentioned."""
        digest = _digest(name)
        return digest in self.digests[kind] or (kind == "chart" and digest in self.digests[_HELD])

    def _add(self, item: Any, service: str) -> None:
        if not item.named:
            self.unreadable = True
            return
        if item.named.service == service:
            self.digests[item.kind].add(_digest(item.named.name))
        for fqn in item.charts:
            # Most dashboards come as they are stored, so are never read any further.
            with suppress(names.NameSyntaxError):
                in_service, name = names.split(fqn, 2)
                if in_service == service:
                    self.digests[_HELD].add(_digest(name))


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


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_DIGEST_BYTES).digest()
