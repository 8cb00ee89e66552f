"""What a stream says of its session."""

from dataclasses import dataclass
from uuid import UUID

from dashboard_catalog.catalog.model.commands import Writer
from dashboard_catalog.catalog.reading.entity_reads import find_service
from dashboard_catalog.store.connections import ReadConnection
from dashboard_catalog.store.tables import EntityRecord


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a stream says of its session.

    Attributes:
        id: Given by the client, or by the server for a stream without one.
        service: Raw name of the BI service that it is about, if any.
        options: Digest of everything that a resumed session must repeat.
        max_deleted_percent: Bound of the sweep, or None for no sweep.
    """

    id: UUID
    writer: Writer
    service: str | None
    options: bytes
    max_deleted_percent: int | None


async def service_of(connection: ReadConnection, request: SessionRequest) -> EntityRecord | None:
    """Returns the BI service that a session is about, if it names one that exists."""
    return await find_service(connection, request.service) if request.service else None
