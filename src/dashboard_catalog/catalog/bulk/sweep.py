"""The sweep at the end of a session: soft-deletes the assets of its BI service that the session did not mention.

A sweep deletes only what ingestion has written and nobody has changed since the session began. It deletes nothing at
all if that would be suspiciously much, or if a name of the session could not be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import NamedTuple, Self

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.catalog.authorization import swept_service, viewable_services
from dashboard_catalog.catalog.bulk.mentions import Mentions
from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Verb, Writer
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, CHART_KIND, AssetKind
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import former_names
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.records import AssetRecord, EntityRecord, SessionRecord

_MAX_SAMPLE = 100
# The guard against deleting too much needs at least this many assets of a kind to judge by.
_GUARDED_FROM = 5
_BATCH_SIZE = 1000


class SweepOutcome(StrEnum):
    """The outcome of a sweep: the contract's `SweepOutcome` without its prefix."""

    DONE = "DONE"
    PREVIEWED = "PREVIEWED"
    TOO_MANY = "TOO_MANY"
    EMPTY_SESSION = "EMPTY_SESSION"
    UNREADABLE_ITEM = "UNREADABLE_ITEM"


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep did.

    Attributes:
        deleted: Number of deleted assets, without the charts that went along with their dashboards.
        would_delete: Number of assets that would have been deleted, if the sweep deleted none.
        sample: Fully qualified names of some of these assets that the caller may view.
    """

    outcome: SweepOutcome
    deleted: int = 0
    would_delete: int = 0
    sample: Sequence[str] = ()

    @classmethod
    def of(cls, session: SessionRecord) -> Self | None:
        """Returns the result that a session keeps, or None if it has not swept."""
        swept = session.swept
        if swept is None:
            return None
        return cls(SweepOutcome(swept["outcome"]), swept["deleted"], swept["would_delete"], swept["sample"])

    def keep(self, session: SessionRecord) -> None:
        """Puts the result into the record of its session, in JSON values."""
        session.swept = asdict(self)


class Swept(NamedTuple):
    """A sweep with everything that it deleted.

    Attributes:
        result: What the session keeps of it.
        deleted: Fully qualified names of the deleted assets that the caller may view.
        refused: The same of those that it may not delete, and why.
    """

    result: SweepResult
    deleted: Sequence[str] = ()
    refused: Sequence[tuple[str, CatalogError]] = ()


async def preview_sweep(
    connection: ReadConnection,
    authorizer: Authorizer,
    request: SessionRequest,
    session: SessionRecord,
    mentions: Mentions,
) -> SweepResult:
    """Returns what `sweep` would delete, or why it would delete nothing."""
    plan = await _plan(connection, authorizer, request, session, mentions)
    return plan.preview


async def sweep(
    connection: WriteConnection,
    pipeline: Pipeline,
    request: SessionRequest,
    session: SessionRecord,
    mentions: Mentions,
    *,
    takes_charts: bool = True,
) -> Swept:
    """Deletes what a session did not mention, in the transaction of `connection`, unless a guard forbids it.

    Args:
        connection: The transaction.
        pipeline: Deletes.
        request: Names the BI service, the limit and the writer.
        session: The locked row of the session.
        mentions: Everything that the session mentioned.
        takes_charts: Whether the charts of a deleted dashboard go along with it.
    """
    plan = await _plan(connection, pipeline.authorizer, request, session, mentions)
    if plan.scope is None or plan.preview.outcome is not SweepOutcome.PREVIEWED:
        return Swept(plan.preview)
    scope = plan.scope._replace(takes_charts=takes_charts)
    results = await _delete(connection, pipeline, request.writer, scope, plan.unmentioned)
    gone = sum(error is None for error in results)
    shown = [
        (names.join(scope.service.name, name), error)
        for (kind, name), error in zip(plan.unmentioned, results, strict=True)
        if kind in plan.shown
    ]
    return Swept(
        SweepResult(SweepOutcome.DONE, deleted=gone, sample=plan.preview.sample),
        [fqn for fqn, error in shown if error is None],
        [(fqn, error) for fqn, error in shown if error is not None],
    )


class _Scope(NamedTuple):
    """The assets that a sweep may delete.

    Attributes:
        service: The BI service.
        mentions: What the session mentioned.
        began_after: Number of the last change of the service before the session began.
        former: Former names of the assets of each kind, by their names of today.
        takes_charts: Whether the charts of a deleted dashboard go along with it.
    """

    service: EntityRecord
    mentions: Mentions
    began_after: int
    former: Mapping[AssetKind, Mapping[str, Sequence[str]]]
    takes_charts: bool = True

    def has(self, kind: AssetKind, name: str, change_number: int) -> bool:
        """Says whether an asset that ingestion has written was neither mentioned nor changed since."""
        if change_number > self.began_after or self.mentions.include(kind, name):
            return False
        return not any(self.mentions.include(kind, former) for former in self.former[kind].get(name, ()))

    def may_take_along(self, chart: AssetRecord) -> bool:
        """Says whether a chart may be deleted along with the dashboard that holds it."""
        return self.takes_charts and chart.ingested and self.has(CHART_KIND, chart.name, chart.change_number)


class _Plan(NamedTuple):
    """What a sweep is about to delete.

    Attributes:
        preview: PREVIEWED if the guards allow the sweep, else the outcome that it has instead.
        scope: None if there is nothing to look at.
        unmentioned: Kind and name of each asset to delete.
        shown: The kinds whose assets the caller may view.
    """

    preview: SweepResult
    scope: _Scope | None = None
    unmentioned: Sequence[tuple[AssetKind, str]] = ()
    shown: Sequence[AssetKind] = ()


async def _plan(
    connection: ReadConnection,
    authorizer: Authorizer,
    request: SessionRequest,
    session: SessionRecord,
    mentions: Mentions,
) -> _Plan:
    principal = request.writer.principal
    service = swept_service(authorizer, principal, request.service or "", await request.find_service(connection))
    if service is None or not mentions.kinds():
        return _Plan(SweepResult(SweepOutcome.EMPTY_SESSION))
    former = {
        kind: await former_names.by_present_names(connection, kind.table, service.id) for kind in ASSET_KINDS.values()
    }
    scope = _Scope(service, mentions, session.began_after, former)
    unmentioned, exceeds = await _find_unmentioned(connection, scope, request.max_deleted_percent or 0)
    outcome = SweepOutcome.PREVIEWED
    if mentions.unreadable:
        outcome = SweepOutcome.UNREADABLE_ITEM
    elif exceeds:
        outcome = SweepOutcome.TOO_MANY
    shown = [kind for kind in mentions.kinds() if viewable_services(authorizer, principal, kind, [service])]
    sample = [names.join(service.name, name) for kind, name in unmentioned if kind in shown][:_MAX_SAMPLE]
    return _Plan(SweepResult(outcome, would_delete=len(unmentioned), sample=sample), scope, unmentioned, shown)


async def _find_unmentioned(
    connection: ReadConnection, scope: _Scope, max_percent: int
) -> tuple[list[tuple[AssetKind, str]], bool]:
    """Returns kind and name of each asset to delete, and whether these are more than `max_percent` of any kind.

    Leaves out the kinds that the session did not mention at all.
    """
    unmentioned: list[tuple[AssetKind, str]] = []
    exceeds = False
    for kind in scope.mentions.kinds():
        ingested = await kind.table.ingested_names(connection, scope.service.id)
        # In order: a chart that several of them hold always goes along with the last one.
        gone = sorted(name for name, change_number in ingested if scope.has(kind, name, change_number))
        exceeds = exceeds or (len(ingested) >= _GUARDED_FROM and len(gone) * 100 > max_percent * len(ingested))
        unmentioned += [(kind, name) for name in gone]
    return unmentioned, exceeds


async def _delete(
    connection: WriteConnection,
    pipeline: Pipeline,
    writer: Writer,
    scope: _Scope,
    unmentioned: Sequence[tuple[AssetKind, str]],
) -> list[CatalogError | None]:
    """Soft-deletes assets and returns for each why it was refused, or None if it was not."""
    errors: list[CatalogError | None] = []
    for start in range(0, len(unmentioned), _BATCH_SIZE):
        writes = [
            AssetWrite(
                kind=kind,
                verb=Verb.DELETE,
                writer=writer,
                key=AssetName(scope.service.name, name),
                takes_along=scope.may_take_along,
            )
            for kind, name in unmentioned[start : start + _BATCH_SIZE]
        ]
        results = await pipeline.run(connection, Batch(writes))
        errors += [result if isinstance(result, CatalogError) else None for result in results]
    return errors
