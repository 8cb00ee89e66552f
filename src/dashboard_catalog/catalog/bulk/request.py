"""What a stream asks of its session."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from dashboard_catalog.catalog.bulk.creation import CreatesOf
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import Writer
from dashboard_catalog.catalog.reading.entity_reads import find_service
from dashboard_catalog.store import former_names
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.records import EntityRecord


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """The session that a stream opens.

    Attributes:
        id: Chosen by the client, or by the server for a stream that names none.
        writer: Who writes the items of the stream.
        service: Raw name of the BI service that the session is about, if any.
        options: Digest of everything that must be the same when the session is resumed.
        max_deleted_percent: Limit of the sweep at the end of the session, or None for no sweep.
        creates_of: Returns what creates a thing that items refer to; None if the stream creates nothing.
        is_new: Whether the server has chosen the id, so that no session has it yet.
    """

    id: UUID
    writer: Writer
    service: str | None
    options: bytes
    max_deleted_percent: int | None
    creates_of: CreatesOf | None = None
    is_new: bool = False

    @property
    def sweeps(self) -> bool:
        """Whether the session asks for a sweep."""
        return self.max_deleted_percent is not None

    async def service_names(self, connection: ReadConnection, service_id: UUID) -> Collection[str]:
        """Returns the raw names that items may call the session's BI service by: that of the request, and all others.

        Args:
            connection: Where to read.
            service_id: Of the service, or `CATALOG_ID` if there was none when the session began.
        """
        fqns = await former_names.fqns_of_entity(connection, service_id)
        return {*map(names.segment, fqns), *((self.service,) if self.service else ())}

    async def find_service(self, connection: ReadConnection) -> EntityRecord | None:
        """Returns the BI service that the session is about, if it names one that exists, or that it had before."""
        return await find_service(connection, self.service, or_renamed=True) if self.service else None
