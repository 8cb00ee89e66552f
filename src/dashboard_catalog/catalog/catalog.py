"""The catalog as its doors see it: what the servicers call, and what another door would.

Each method is one use case. Principals and plain values come in, views and `CatalogError` go out.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog import audit
from dashboard_catalog.catalog.batching import CallBatcher
from dashboard_catalog.catalog.bulk.opening import open_rehearsal, open_session
from dashboard_catalog.catalog.bulk.rehearsal import Rehearsal
from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.bulk.session import Session
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model.commands import (
    AssetName,
    AssetWrite,
    EntityWrite,
    Outcome,
    Verb,
    Writer,
    WrittenAsset,
    WrittenEntity,
)
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, EntityKind
from dashboard_catalog.catalog.reading.asset_lists import AssetLister, AssetListing, AssetPage
from dashboard_catalog.catalog.reading.asset_reads import AssetRead, AssetReader
from dashboard_catalog.catalog.reading.entity_lists import EntityLister, EntityListing, EntityPage
from dashboard_catalog.catalog.reading.entity_reads import EntityReader
from dashboard_catalog.catalog.reading.views import AssetView, EntityView, entity_views, views
from dashboard_catalog.catalog.writing.entity_deletion import delete_entity
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline, Result, Write
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.connections import ReadConnection, WriteConnection
from dashboard_catalog.store.database import Database

Answer = tuple[Outcome, tuple[str, ...], Any] | CatalogError
"""What became of a unary write: outcome, kept fields, and the view that is answered."""


class Catalog:
    """Dashboards, charts and what they refer to, in one database under one set of policies."""

    def __init__(self, database: Database, authorizer: Authorizer) -> None:
        self._database = database
        self._authorizer = authorizer
        self._pipeline = Pipeline(authorizer)
        self._asset_reader = AssetReader(authorizer)
        self._entity_reader = EntityReader(authorizer)
        self._asset_lister = AssetLister(authorizer)
        self._entity_lister = EntityLister(authorizer)
        self._writes: CallBatcher[Write, Answer] = CallBatcher(self._write_together, _phase)
        self._reads: CallBatcher[AssetRead, AssetView | CatalogError] = CallBatcher(
            self._read_together, lambda r: r.kind
        )

    async def write_asset(
        self, write: AssetWrite, *, validate_only: bool = False
    ) -> tuple[Outcome, tuple[str, ...], AssetView]:
        """Applies one write and returns what became of it, what was kept, and the asset as it is now.

        Raises:
            CatalogError: If it is refused.
        """
        return await self._write(self._group_of(write), write, validate_only)

    async def write_entity(self, write: EntityWrite, *, validate_only: bool = False) -> tuple[Outcome, EntityView]:
        """Applies one upsert of an entity and returns what became of it.

        Raises:
            CatalogError: If it is refused.
        """
        outcome, _, view = await self._write("entities", write, validate_only)
        return outcome, view

    async def _write(self, group: str, write: Write, validate_only: bool) -> tuple[Outcome, tuple[str, ...], Any]:
        if validate_only:
            _, (answer,) = await self._database.rehearse(lambda connection: self._apply(connection, [write]))
        else:
            answer = await self._writes.submit("all" if self._database.is_sqlite else group, write)
        if isinstance(answer, CatalogError):
            raise answer
        return answer

    async def open_session(self, request: SessionRequest, *, validate_only: bool) -> Session | Rehearsal:
        """Begins or resumes the session of a bulk stream; whoever opens it closes it.

        Raises:
            CatalogError: As `opening.open_session`.
        """
        if validate_only:
            return await open_rehearsal(self._database, self._authorizer, self._pipeline, request)
        return await open_session(self._database, self._authorizer, self._pipeline, request)

    async def delete_entity(
        self, writer: Writer, kind: EntityKind, key: str | UUID, *, hard: bool, validate_only: bool
    ) -> EntityView:
        """Deletes an entity and returns it as it was then.

        Raises:
            CatalogError: PERMISSION_DENIED, NOT_FOUND, or FAILED_PRECONDITION while it is referred to.
        """

        async def work(connection: WriteConnection) -> EntityView:
            record = await delete_entity(connection, self._authorizer, writer, kind, key, hard=hard)
            return (await entity_views(connection, [record]))[0]

        if validate_only:
            return await self._database.rehearse(work)
        view = await self._database.write(work)
        audit.log_entity_write(writer, "hard_delete" if hard else "delete", kind, view.record)
        return view

    async def get_asset(self, read: AssetRead) -> AssetView:
        """Returns one asset.

        Raises:
            CatalogError: PERMISSION_DENIED or NOT_FOUND.
        """
        found = await self._reads.submit(read.kind, read)
        if isinstance(found, CatalogError):
            raise found
        return found

    async def get_entity(self, principal: Principal, kind: EntityKind, key: str | UUID) -> EntityView:
        """Returns one entity.

        Raises:
            CatalogError: PERMISSION_DENIED or NOT_FOUND.
        """
        async with self._database.read() as connection:
            record = await self._entity_reader.entity(connection, principal, kind, key)
            return (await entity_views(connection, [record]))[0]

    async def list_assets(self, listing: AssetListing) -> AssetPage:
        """Returns a page of assets. See `AssetLister.assets`."""
        async with self._database.read() as connection:
            return await self._asset_lister.assets(connection, listing)

    async def list_entities(self, listing: EntityListing) -> EntityPage:
        """Returns a page of entities. See `EntityLister.entities`."""
        async with self._database.read() as connection:
            return await self._entity_lister.entities(connection, listing)

    def _group_of(self, write: AssetWrite) -> str:
        """Names the group that a write is committed with on PostgreSQL: one a BI service. SQLite has one for all."""
        return f"service {write.key.service}" if isinstance(write.key, AssetName) else f"id of a {write.kind.name}"

    async def _write_together(self, writes: Sequence[Write]) -> list[Answer]:
        results, answers = await self._database.write(lambda connection: self._apply(connection, writes))
        audit.log_writes(writes, results)
        return answers

    async def _apply(self, connection: WriteConnection, writes: Sequence[Write]) -> tuple[list[Result], list[Answer]]:
        known_entities = KnownEntities()
        results = await self._pipeline.run(connection, Batch(writes), known_entities)
        return results, await self._answers(connection, results, known_entities)

    async def _answers(
        self, connection: ReadConnection, results: Sequence[Result], known_entities: KnownEntities
    ) -> list[Answer]:
        """Reads, once for all, what the answers to results will show."""
        shown: dict[int, Any] = {}
        for kind in ASSET_KINDS.values():
            written = {i: r.record for i, r in enumerate(results) if isinstance(r, WrittenAsset) and r.kind is kind}
            seen = await views(connection, kind, list(written.values()), known_entities=known_entities)
            shown |= dict(zip(written, seen, strict=True))
        entities = {i: r.record for i, r in enumerate(results) if isinstance(r, WrittenEntity)}
        shown |= dict(zip(entities, await entity_views(connection, list(entities.values())), strict=True))
        return [
            result if isinstance(result, CatalogError) else (result.outcome, result.kept_fields, shown[index])
            for index, result in enumerate(results)
        ]

    async def _read_together(self, reads: Sequence[AssetRead]) -> list[AssetView | CatalogError]:
        async with self._database.read() as connection:
            return await self._asset_reader.assets(connection, reads)


def _phase(write: Write) -> bool:
    """Says whether a write removes or restores: those look at what other writes of a batch could change."""
    return isinstance(write, AssetWrite) and write.verb in (Verb.DELETE, Verb.RESTORE)
