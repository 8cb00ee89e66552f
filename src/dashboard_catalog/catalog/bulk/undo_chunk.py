"""Puts back one chunk of what a session wrote: decides asset by asset, then writes through the pipeline.

An asset gets the content of its last version before the session. One that has no such version is deleted: together with
the dashboard that holds it if that goes too, so that a restoration of the dashboard brings it back.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, zip_longest
from typing import NamedTuple, cast
from uuid import UUID

from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.catalog.authorization import viewable_services
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetWrite, Outcome, Verb, Writer, reversion
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, CHART_KIND, DASHBOARD_KIND, AssetKind
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline, Result
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import locks
from dashboard_catalog.store import session_writes as written
from dashboard_catalog.store.charts import chart_holders
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.records import AssetRecord, EntityRecord
from dashboard_catalog.store.session_writes import SessionRange, Span

CHUNK_SIZE = 500
"""Versions of a session that are looked at in one transaction."""

MAX_SAMPLE = 100
"""Number of skipped things that are named."""

_TABLES = [(kind.name, kind.table) for kind in ASSET_KINDS.values()]


class SkipReason(StrEnum):
    """Why a thing was not put back: the contract's `BulkRevertSkip` without its prefix."""

    CHANGED_SINCE = "CHANGED_SINCE"
    REMOVED = "REMOVED"
    DENIED = "DENIED"
    ENTITY = "ENTITY"


class Skipped(NamedTuple):
    """A thing that was not put back.

    Attributes:
        kind: Name of its kind.
        fqn: Its fully qualified name, or its id if it no longer exists.
    """

    kind: str
    fqn: str
    reason: SkipReason


@dataclass(slots=True)
class Undone:
    """What has been put back, by a chunk or by all of them.

    Attributes:
        done: Number of things that have been looked at.
        named: The first of those that were skipped, by reason.
    """

    done: int = 0
    reverted: int = 0
    skipped: int = 0
    named: dict[SkipReason, list[Skipped]] = field(default_factory=dict)

    @property
    def sample(self) -> list[Skipped]:
        """Some of the things that were skipped, for every reason if there is room."""
        in_turn = chain.from_iterable(zip_longest(*self.named.values()))
        return [one for one in in_turn if one][:MAX_SAMPLE]

    def skip(self, kind: str, fqn: str | None, reason: SkipReason) -> None:
        """Counts a thing that is not put back.

        Args:
            fqn: None if the caller may not view it.
        """
        self.skipped += 1
        if fqn is not None:
            self._name(Skipped(kind, fqn, reason))

    def add(self, other: "Undone") -> None:
        """Adds what a chunk has done."""
        self.done += other.done
        self.reverted += other.reverted
        self.skipped += other.skipped
        for named in other.named.values():
            for one in named:
                self._name(one)

    def _name(self, skipped: Skipped) -> None:
        named = self.named.setdefault(skipped.reason, [])
        if len(named) < MAX_SAMPLE:
            named.append(skipped)


class Chunk(NamedTuple):
    """The outcome of a chunk.

    Attributes:
        rest: What the session wrote before it; None if that is nothing.
        results: Of the writes, for the log.
    """

    undone: Undone
    rest: SessionRange | None
    results: Sequence[Result] = ()


class _Asset(NamedTuple):
    kind: AssetKind
    span: Span


class UndoChunk:
    """Puts back the newest of what a session wrote in a BI service, in the transaction of `connection`.

    Args:
        ranges: All that the session wrote, by BI service.
        service: Where to put back.
        takes_along: Whether deleted dashboards take along the charts that the session created.
    """

    def __init__(
        self,
        connection: WriteConnection,
        pipeline: Pipeline,
        writer: Writer,
        ranges: Mapping[UUID, SessionRange],
        service: EntityRecord,
        *,
        takes_along: bool,
    ) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._writer = writer
        self._ranges = ranges
        self._range = ranges[service.id]
        self._service = service
        self._takes_along = takes_along
        self._undone = Undone()
        self._results: list[Result] = []

    async def run(self, rest: SessionRange) -> Chunk:
        """Puts back what comes next.

        Args:
            rest: What has not been looked at yet.
        """
        # Before anything is read: what is read must still be true when it is written.
        await locks.lock_catalog(self._connection, to_write=False)
        await locks.lock_service(self._connection, self._service.id)
        versions = await written.written_versions(self._connection, _TABLES, rest, CHUNK_SIZE)
        by_kind: dict[str, list[UUID]] = defaultdict(list)
        for version in versions:
            by_kind[version.kind].append(version.id)
        spans: dict[UUID, Span] = {}
        for name, ids in by_kind.items():
            spans |= {span.id: span for span in await self._spans(ASSET_KINDS[name], self._range, ids)}
        # An asset with several versions has its turn with the last one.
        assets = [_Asset(ASSET_KINDS[one.kind], spans[one.id]) for one in versions if one.version == spans[one.id].last]
        await self._put_back(assets)
        more = len(versions) == CHUNK_SIZE
        return Chunk(self._undone, rest._replace(last=versions[-1].change_number - 1) if more else None, self._results)

    async def _spans(self, kind: AssetKind, of: SessionRange, ids: Iterable[UUID]) -> list[Span]:
        return await written.spans(self._connection, kind.table, of, set(ids))

    async def _put_back(self, assets: Sequence[_Asset]) -> None:
        created = [asset for asset in assets if asset.span.is_whole and asset.span.is_created]
        held = await self._held_by_others({asset.span.id for asset in created if asset.kind is CHART_KIND})
        deletions: list[_Asset] = []
        reversions: list[_Asset] = []
        for asset in assets:
            self._undone.done += 1
            if not asset.span.is_whole:
                # What was put back before counts as neither.
                if not asset.span.put_back:
                    self._skip(asset, SkipReason.CHANGED_SINCE)
            elif not asset.span.is_created:
                reversions.append(asset)
            elif asset.span.id in held:
                self._skip(asset, SkipReason.CHANGED_SINCE)
            elif not asset.span.deleted:
                deletions.append(asset)
        # What was deleted is restored before anything refers to it again: a batch writes charts first.
        await self._write([(asset, self._reversion(asset)) for asset in reversions])
        dashboards = [asset for asset in deletions if asset.kind is DASHBOARD_KIND]
        along = await self._write([(asset, self._deletion(asset)) for asset in dashboards])
        self._undone.reverted += len(along)
        charts = [asset for asset in deletions if asset.kind is not DASHBOARD_KIND and self._fqn(asset) not in along]
        await self._write([(asset, self._deletion(asset)) for asset in charts])

    async def _held_by_others(self, chart_ids: Collection[UUID]) -> set[UUID]:
        """Returns those of some charts that live dashboards hold which are not put back themselves."""
        holders = [row for row in await chart_holders(self._connection, chart_ids) if not row.deleted]
        by_service: dict[UUID, list[UUID]] = defaultdict(list)
        for row in holders:
            by_service[row.service_id].append(row.id)
        going: set[UUID] = set()
        for service_id, ids in by_service.items():
            if of := self._ranges.get(service_id):
                going |= {span.id for span in await self._spans(DASHBOARD_KIND, of, ids) if span.is_whole}
        return {id_ for row in holders if row.id not in going for id_ in row.charts}

    def _reversion(self, asset: _Asset) -> AssetWrite:
        before = cast("int", asset.span.first) - 1
        return reversion(asset.kind, self._writer, asset.span.id, before, whole=True)

    def _deletion(self, asset: _Asset) -> AssetWrite:
        return AssetWrite(
            kind=asset.kind,
            verb=Verb.DELETE,
            writer=self._writer,
            key=asset.span.id,
            takes_along=self._is_new if self._takes_along else lambda _: False,
        )

    def _is_new(self, chart: AssetRecord) -> bool:
        """Says whether the session created a chart and nobody has changed it since."""
        is_written = chart.session_id == self._writer.session_id and chart.service_id == self._service.id
        return is_written and chart.version == 1 and chart.change_number <= self._range.last

    async def _write(self, writes: Sequence[tuple[_Asset, AssetWrite]]) -> set[str]:
        """Writes, counts, and returns the names of the charts that have gone along with dashboards."""
        if not writes:
            return set()
        results = await self._pipeline.run(self._connection, Batch([write for _, write in writes]))
        self._results += results
        along: set[str] = set()
        for (asset, _), result in zip(writes, results, strict=True):
            if isinstance(result, CatalogError):
                denied = isinstance(result, ActionDenied)
                self._skip(asset, SkipReason.DENIED if denied else SkipReason.CHANGED_SINCE)
            elif result.outcome is not Outcome.UNCHANGED:
                self._undone.reverted += 1
                along.update(getattr(result, "charts", ()))
        return along

    def _skip(self, asset: _Asset, reason: SkipReason) -> None:
        principal = self._writer.principal
        shown = viewable_services(self._pipeline.authorizer, principal, asset.kind, [self._service])
        self._undone.skip(asset.kind.name, self._fqn(asset) if shown else None, reason)

    def _fqn(self, asset: _Asset) -> str:
        return names.join(self._service.name, asset.span.name)
