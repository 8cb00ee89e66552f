"""The catalog as its doors see it: one method per use case.

Principals and plain values come in, views and `CatalogError` go out; a door adds its protocol. Concurrent calls share
transactions: `CallBatcher` collects them.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog import audit
from dashboard_catalog.catalog.answers import WriteAnswer, answers_to
from dashboard_catalog.catalog.batching import CallBatcher
from dashboard_catalog.catalog.bulk.admission import check_may_override
from dashboard_catalog.catalog.indexing.recent_writes import After, RecentWrites
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.known.remembered import Remembered
from dashboard_catalog.catalog.model.commands import (
    AssetName,
    AssetWrite,
    EntityWrite,
    Outcome,
    Verb,
    Write,
    Writer,
    text_of,
)
from dashboard_catalog.catalog.model.kinds import AssetKind, EntityKind
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.catalog.reading.asset_lists import AssetListing, find_assets
from dashboard_catalog.catalog.reading.asset_reads import AssetRead, LargeAsset, read_assets, read_large_asset
from dashboard_catalog.catalog.reading.asset_versions import (
    Comparison,
    VersionListing,
    compare,
    find_compared,
    find_versions,
)
from dashboard_catalog.catalog.reading.called import Called, find_called
from dashboard_catalog.catalog.reading.entity_lists import EntityListing, find_entities
from dashboard_catalog.catalog.reading.entity_reads import visible_entity, whole_entity
from dashboard_catalog.catalog.reading.exporting.export import Export, ExportRequest, open_export
from dashboard_catalog.catalog.reading.feed.watch import Watch, Watches, WatchRequest
from dashboard_catalog.catalog.reading.pages import Page, open_page, size_of
from dashboard_catalog.catalog.reading.room import MAX_ANSWER_BYTES, SMALL_ANSWER_BYTES, Room
from dashboard_catalog.catalog.reading.search.request import SearchRequest
from dashboard_catalog.catalog.reading.search.search import Searches, SearchPage
from dashboard_catalog.catalog.reading.views import AssetView, EntityView, entity_views
from dashboard_catalog.catalog.sessions import Sessions
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.catalog.writing.entity_deletion import delete_entity
from dashboard_catalog.catalog.writing.entity_renaming import rename_entity
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline, Result
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.index.searching import SearchIndex
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import AssetRecord, EntityRecord
from dashboard_catalog.tracing.spans import Spans

_Answer = WriteAnswer[Any] | CatalogError
_Found = AssetView | LargeAsset | CatalogError


# How long a search waits for what its caller has written.
_WAIT_SECONDS = 1.0


class Catalog:
    """Dashboards, charts and the entities that they refer to, in one database under one set of policies.

    Attributes:
        metrics: Counts what happens.
        recent_writes: What the callers have just written. Their searches wait for it.
        sessions: The bulk sessions.
        spans: Makes the spans of batches and chunks, if there are any.
    """

    def __init__(
        self,
        database: Database,
        authorizer: Authorizer,
        index: SearchIndex,
        metrics: Metrics | None = None,
        spans: Spans | None = None,
    ) -> None:
        self.metrics = metrics or Metrics()
        self._database = database
        self.spans = spans
        self._searches = Searches(database, authorizer, index)
        self._index = index
        self.recent_writes = RecentWrites(database, index.complete_until)
        database.on_commit(lambda _: index.note_change())
        self._authorizer = authorizer
        self._remembered = Remembered()
        self._pipeline = Pipeline(authorizer, self._remembered)
        self._watches = Watches(database, authorizer)
        self.sessions = Sessions(database, authorizer, self._pipeline, self.recent_writes, self.metrics)
        batches = self.metrics.batches
        self._writes: CallBatcher[Write, _Answer] = CallBatcher(
            self._write_batch, _removes_or_restores, kind="write", metrics=batches, spans=spans
        )
        self._reads: CallBatcher[AssetRead, _Found] = CallBatcher(
            self._read_batch, lambda r: r.kind, part_of=_service_of, kind="read", metrics=batches, spans=spans
        )

    async def write_asset(self, write: AssetWrite, *, validate_only: bool = False) -> WriteAnswer[AssetView]:
        """Creates, upserts, updates, renames, deletes, restores or reverts an asset.

        Raises:
            CatalogError: If the write is refused.
        """
        return await self._write(write, validate_only)

    def check_may_override(self, principal: Principal, kind: AssetKind) -> None:
        """Returns if the caller may write over what people have decided, at least with some assets of a kind.

        Raises:
            CatalogError: PERMISSION_DENIED.
        """
        check_may_override(self._authorizer, principal, kind)

    async def write_entity(self, write: EntityWrite, *, validate_only: bool = False) -> tuple[Outcome, EntityView]:
        """Upserts an entity and returns it.

        Raises:
            CatalogError: If the write is refused.
        """
        answer = await self._write(write, validate_only)
        return answer.outcome, answer.view

    async def delete_entity(
        self,
        writer: Writer,
        kind: EntityKind,
        key: str | UUID,
        *,
        hard: bool,
        validate_only: bool = False,
        etag: str = "",
    ) -> EntityView:
        """Deletes an entity and returns it as it was deleted.

        Args:
            key: Fully qualified name or id.
            etag: What the caller expects to be stored; empty for anything.

        Raises:
            CatalogError: As `entity_deletion.delete_entity`.
        """

        async def work(connection: WriteConnection) -> EntityView:
            record = await delete_entity(connection, self._authorizer, writer, kind, key, hard=hard, etag=etag)
            return await self._written_view(connection, writer, kind, record)

        if validate_only:
            return await self._database.rehearse(work)
        view = await self.recent_writes.write(writer.principal, work)
        audit.log_entity_write(writer, "hard_delete" if hard else "delete", kind, view.record)
        return view

    async def rename_entity(
        self, writer: Writer, kind: EntityKind, key: str | UUID, new_name: str, *, validate_only: bool
    ) -> EntityView:
        """Gives an entity another name and returns it.

        Args:
            key: Fully qualified name or id.

        Raises:
            CatalogError: As `entity_renaming.rename_entity`.
        """

        async def work(connection: WriteConnection) -> tuple[EntityView, str]:
            record, before = await rename_entity(
                connection, self._authorizer, writer, kind=kind, key=key, new_name=new_name
            )
            return await self._written_view(connection, writer, kind, record), before

        if validate_only:
            view, _ = await self._database.rehearse(work)
            return view
        view, before = await self.recent_writes.write(writer.principal, work)
        audit.log_entity_write(writer, "rename", kind, view.record, former_fqn=before)
        return view

    async def open_export(self, request: ExportRequest) -> Export:
        """Begins an export, or goes on with one.

        Raises:
            CatalogError: As `export.open_export`.
        """
        return await open_export(self._database, self._authorizer, request)

    async def wait_until_indexed(self, principal: Principal, after: After) -> None:
        """Waits until a search finds what its caller has just written, for a second at most.

        Args:
            after: More changes that the search must find.
        """
        wanted = self.recent_writes.of(principal) | after
        numbers = await self._searches.to_wait_for(principal, None if wanted.everything else wanted.numbers)
        await self._index.wait_for(numbers, _WAIT_SECONDS)

    async def get_asset(self, read: AssetRead, room: Room) -> AssetView:
        """Returns one asset.

        Args:
            room: Where the answer will be.

        Raises:
            CatalogError: PERMISSION_DENIED or NOT_FOUND.
        """
        found = await self._reads.submit(read.kind, read)
        if isinstance(found, CatalogError):
            raise found
        if not isinstance(found, LargeAsset):
            return found
        await room.take(min(size_of(found.row), MAX_ANSWER_BYTES))
        async with self._database.read() as connection:
            return await read_large_asset(connection, self._authorizer, found)

    async def get_entity(self, principal: Principal, kind: EntityKind, key: str | UUID, room: Room) -> EntityView:
        """Returns one entity, deleted or not.

        Args:
            key: Fully qualified name or id.
            room: Where the answer will be.

        Raises:
            CatalogError: PERMISSION_DENIED or NOT_FOUND.
        """
        async with self._database.read() as connection:
            row = await visible_entity(connection, self._authorizer, principal, kind, key)
            if not row.missing:
                return (await entity_views(connection, [row.record]))[0]
        await room.take(size_of(row))
        async with self._database.read() as connection:
            record = await whole_entity(connection, kind, row.record.id)
            if record is None:
                raise not_found(kind.name, str(key))
            return (await entity_views(connection, [record]))[0]

    def list_assets(
        self, listing: AssetListing, room: Room
    ) -> AbstractAsyncContextManager[Page[AssetRecord, AssetView]]:
        """Opens a page of the assets that the caller may view.

        Args:
            room: Where the answer will be.

        Raises:
            CatalogError: PERMISSION_DENIED, or INVALID_ARGUMENT for a filter that does not parse or a wrong page token.
        """
        find = partial(find_assets, authorizer=self._authorizer, listing=listing)
        return open_page(self._database, find, listing.page_size, room)

    def list_versions(
        self, listing: VersionListing, room: Room
    ) -> AbstractAsyncContextManager[Page[AssetRecord, AssetView]]:
        """Opens a page of the versions of an asset, newest first.

        Args:
            room: Where the answer will be.

        Raises:
            CatalogError: PERMISSION_DENIED, NOT_FOUND, or INVALID_ARGUMENT for a wrong page token.
        """
        find = partial(find_versions, authorizer=self._authorizer, listing=listing)
        return open_page(self._database, find, listing.page_size, room)

    async def compare_versions(self, comparison: Comparison, room: Room) -> AssetView:
        """Returns a version of an asset, with what distinguishes it from another one as its change.

        Args:
            room: Where the answer will be.

        Raises:
            CatalogError: PERMISSION_DENIED or NOT_FOUND.
        """
        async with self._database.read() as connection:
            rows = await find_compared(connection, self._authorizer, comparison)
        if (size := sum(map(size_of, rows))) > SMALL_ANSWER_BYTES:
            await room.take(min(size, MAX_ANSWER_BYTES))
        async with self._database.read() as connection:
            view = await compare(connection, self._authorizer, comparison, rows)
        if view is None:
            raise not_found(comparison.kind.name, text_of(comparison.key))
        return view

    def list_entities(
        self, listing: EntityListing, room: Room
    ) -> AbstractAsyncContextManager[Page[EntityRecord, EntityView]]:
        """Opens a page of the entities that the caller may view.

        Args:
            room: Where the answer will be.

        Raises:
            CatalogError: PERMISSION_DENIED, or INVALID_ARGUMENT for a wrong page token.
        """
        find = partial(find_entities, authorizer=self._authorizer, listing=listing)
        return open_page(self._database, find, listing.page_size, room)

    async def find_called(self, called: Called) -> tuple[list[EntityView], int]:
        """Returns entities by what people call them, and how many there are.

        Whether letters from A to Z are capital does not count.

        Raises:
            CatalogError: PERMISSION_DENIED.
        """
        async with self._database.read() as connection:
            return await find_called(connection, self._authorizer, called)

    def watch(self, request: WatchRequest) -> AbstractAsyncContextManager[Watch]:
        """Opens a watch: what changes, as it happens.

        Raises:
            CatalogError: PERMISSION_DENIED, NOT_FOUND for a BI service, INVALID_ARGUMENT for a wrong token, or
                OUT_OF_RANGE if the catalog was set back since it was issued.
        """
        return self._watches.open(request)

    def search(self, request: SearchRequest, room: Room) -> AbstractAsyncContextManager[SearchPage]:
        """Opens a page of what a search finds.

        Args:
            room: Where the answer will be.

        Raises:
            CatalogError: PERMISSION_DENIED, or INVALID_ARGUMENT for a filter that does not parse, an unknown order or a
                wrong page token.
        """
        return self._searches.open(request, room)

    async def _written_view(
        self, connection: WriteConnection, writer: Writer, kind: EntityKind, record: EntityRecord
    ) -> EntityView:
        (view,) = await entity_views(connection, [record])
        sight = Sight(self._authorizer, KnownEntities())
        return replace(view, is_shown=sight.shows_entity(writer.principal, kind, record))

    async def _write(self, write: AssetWrite | EntityWrite, validate_only: bool) -> WriteAnswer[Any]:
        if validate_only:
            _, (answer,) = await self._database.rehearse(lambda connection: self._apply(connection, [write]))
        else:
            answer = await self._writes.submit(self._group(write), write)
        if isinstance(answer, CatalogError):
            raise answer
        return answer

    def _group(self, write: AssetWrite | EntityWrite) -> str:
        """Names the group of writes that a write is committed with.

        PostgreSQL commits the writes of different BI services side by side. SQLite has one writer anyway.
        """
        if self._database.is_sqlite:
            return "all"
        if isinstance(write, EntityWrite):
            return "entities"
        return f"service {write.key.service}" if isinstance(write.key, AssetName) else f"id of a {write.kind.name}"

    async def _write_batch(self, writes: Sequence[Write]) -> list[_Answer]:
        results, answers = await self.recent_writes.write_batch(
            writes, lambda connection: self._apply(connection, writes)
        )
        audit.log_writes(writes, results)
        return answers

    async def _apply(self, connection: WriteConnection, writes: Sequence[Write]) -> tuple[list[Result], list[_Answer]]:
        sight = Sight(self._authorizer, KnownEntities())
        results = await self._pipeline.run(connection, Batch(writes), sight)
        return results, await answers_to(connection, writes, results, sight)

    async def _read_batch(self, reads: Sequence[AssetRead]) -> list[_Found]:
        async with self._database.read() as connection:
            return await read_assets(connection, self._authorizer, reads, self._remembered)


def _service_of(read: AssetRead) -> str | None:
    """Returns the BI service that a read names; None for one by id, which may be of any."""
    return read.key.service if isinstance(read.key, AssetName) else None


def _removes_or_restores(write: Write) -> bool:
    """Separates the writes that depend on what other writes of a batch could change: deletions and restorations."""
    return isinstance(write, AssetWrite) and write.verb in (Verb.DELETE, Verb.RESTORE)
