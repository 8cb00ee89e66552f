"""Changes as readers of the feed see them, read a piece at a time."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS
from dashboard_catalog.store import entities, feed
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.feed import Stretch
from dashboard_catalog.store.feed_statements import FeedRow
from dashboard_catalog.store.records import CATALOG_ID, EntityRecord, RemovedRecord

_BI_SERVICE = "bi_service"


@dataclass(slots=True)
class Change:
    """One change.

    Attributes:
        row: What is stored of it.
        service: The BI service of an asset, or a BI service itself, as it is today, or as it was when it was removed.
        state: An `AssetView` or `EntityView` of this version, if the reader wants states.
    """

    row: FeedRow
    service: EntityRecord | None
    state: Any = None

    @property
    def fqn(self) -> str:
        """The fully qualified name: that of this version, in the BI service of today."""
        return self._in_service(self.row.name)

    @property
    def previous_fqn(self) -> str:
        """The fully qualified name before a rename; empty if the change is none."""
        return self._in_service(self.row.previous_name) if self.row.previous_name else ""

    @property
    def service_fqn(self) -> str:
        """The fully qualified name of the BI service of today; empty for entities other than BI services."""
        return self.service.fqn if self.service else ""

    def _in_service(self, name: str) -> str:
        if self.row.kind not in ASSET_KINDS or self.service is None:
            return name
        return names.join(self.service.name, names.split(name)[-1] if self.row.type == "removed" else name)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some changes of one sequence that follow each other.

    Attributes:
        changes: In the order of their numbers.
        reached: The number up to which there are no others.
        service: The BI service whose sequence it is; None for the sequence of entities.
    """

    changes: list[Change]
    reached: int
    service: EntityRecord | None


class PieceReader:
    """Reads pieces; readers that want the same one at the same time share it.

    A write wakes all readers at once, most of which have got to the same number.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: dict[tuple[Stretch, int], asyncio.Task[Piece]] = {}

    async def read(self, stretch: Stretch, limit: int) -> Piece:
        """Returns the first changes of a stretch, at most `limit`. Nobody may change what it returns.

        Raises:
            CatalogError: UNAVAILABLE.
        """
        key = stretch, limit
        reading = self._running.get(key)
        if reading is None:
            reading = self._running[key] = asyncio.create_task(self._read(stretch, limit))
            reading.add_done_callback(lambda done: self._ended(key, done))
        # One of them that goes must not take it from the others.
        return await asyncio.shield(reading)

    def _ended(self, key: tuple[Stretch, int], reading: asyncio.Task[Piece]) -> None:
        del self._running[key]
        if not reading.cancelled():
            # Nobody may be left to learn how it ended.
            reading.exception()

    async def _read(self, stretch: Stretch, limit: int) -> Piece:
        async with self._database.read() as connection:
            return await read_piece(connection, stretch, limit)


async def read_piece(connection: ReadConnection, stretch: Stretch, limit: int) -> Piece:
    """Returns the first changes of a stretch, at most `limit`."""
    rows, reached = await feed.read(connection, stretch, limit)
    if stretch.service_id != CATALOG_ID:
        service = (await _services_of(connection, [stretch.service_id])).get(stretch.service_id)
        return Piece([Change(row, service) for row in rows], reached, service)
    services = await _services_of(connection, {row.id for row in rows if row.kind == _BI_SERVICE})
    return Piece([Change(row, services.get(row.id)) for row in rows], reached, None)


async def all_services(connection: ReadConnection) -> dict[UUID, EntityRecord]:
    """Returns all BI services by id, also those that have been removed for good, with the name that they had."""
    services = await removed_services(connection)
    return services | {record.id: record for record in await entities.of_kind(connection, _BI_SERVICE)}


async def removed_services(connection: ReadConnection) -> dict[UUID, EntityRecord]:
    """Returns the BI services that have been removed for good by id, with the name and the type that they had."""
    return {record.id: _as_it_was(record) for record in await feed.removed_services(connection)}


async def _services_of(connection: ReadConnection, ids: Collection[UUID]) -> dict[UUID, EntityRecord]:
    services = {record.id: record for record in await entities.by_ids(connection, ids)}
    if len(services) < len(ids):
        removed = await removed_services(connection)
        services |= {id_: record for id_, record in removed.items() if id_ in ids}
    return services


def _as_it_was(record: RemovedRecord) -> EntityRecord:
    return EntityRecord(
        id=record.id,
        kind=_BI_SERVICE,
        name=names.split(record.fqn)[-1],
        fqn=record.fqn,
        attributes={"service_type": record.service_type},
        deleted=True,
        change_number=record.change_number,
        updated_at=record.updated_at,
        updated_by=record.updated_by,
        call_id=record.call_id,
    )
