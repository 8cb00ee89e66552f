"""How long bulk sessions are kept, and what becomes of one that is resumed too late.

Failures and mentions go first. Without them, a session cannot go on: its sweep would delete what it has mentioned. So
one that is resumed later begins again from its first item, which does no harm, because items that were written are
unchanged.

Each process of a server expires what is old from time to time, and no call waits for that.
"""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from dashboard_catalog.catalog.bulk.counts import FAILED, counts_of
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store import bulk_details as details
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store import locks
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.database import Database
from dashboard_catalog.store.records import CATALOG_ID, SessionRecord

SESSION_LIFETIME = timedelta(days=7)
"""How long a session can be resumed after its last chunk, and keeps its failures."""

RECORD_LIFETIME = timedelta(days=90)
"""How long a session can be looked at and reverted after its last chunk."""

EXPIRE_SECONDS = 600.0
"""About how long a process waits between two looks for old sessions."""

# Sessions that lose their failures and mentions in one transaction.
_AT_ONCE = 20

_log = structlog.get_logger(__name__)


async def keep_expiring(database: Database, every: float = EXPIRE_SECONDS) -> None:
    """Expires sessions until it is cancelled. What fails is logged, and tried again the next time.

    Args:
        database: Where they are.
        every: Seconds between two times, on average: processes that start together should not work together.
    """
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5) * every)
        try:
            await expire_sessions(database)
        except CatalogError as error:
            _log.warning("sessions_not_expired", problem=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, no call depends on it
            _log.warning("sessions_not_expired", problem=type(error).__name__, exc_info=True)


async def expire_sessions(database: Database) -> None:
    """Removes what has been kept for long enough, in one transaction per BI service or more.

    Raises:
        CatalogError: UNAVAILABLE if the database is away.
    """
    now = datetime.now(UTC)
    async with database.read() as connection:
        services = await sessions.expiring_in(connection, now - SESSION_LIFETIME, now - RECORD_LIFETIME)
    for service_id in services:
        while await database.write(partial(_expire_in, service_id=service_id, now=now)) == _AT_ONCE:
            pass


async def _expire_in(connection: WriteConnection, service_id: UUID, now: datetime) -> int:
    """Expires sessions of a BI service, and returns how many of them have lost their failures and mentions."""
    old = await sessions.lock_detailed(connection, service_id, now - SESSION_LIFETIME, _AT_ONCE)
    for record in old:
        await _remove_details(connection, record)
        # A connection that still lives must not write any more.
        record.connection = None
        await sessions.save(connection, record)
    await sessions.remove_old(connection, service_id, now - RECORD_LIFETIME)
    return len(old)


def is_too_old(record: SessionRecord) -> bool:
    """Says whether a session can no longer go on where it has stopped."""
    return record.details_expired or record.updated_at < datetime.now(UTC) - SESSION_LIFETIME


async def begin_again(connection: WriteConnection, record: SessionRecord) -> None:
    """Makes a locked session one that has written nothing, except that it can still be reverted as a whole."""
    await _remove_details(connection, record)
    record.details_expired = False
    record.next_offset = record.failures_not_kept = 0
    record.counts = {}
    record.unreadable = False
    record.began_after = (
        await locks.last_change(connection, record.service_id) if record.service_id != CATALOG_ID else 0
    )


async def _remove_details(connection: WriteConnection, record: SessionRecord) -> None:
    await details.remove(connection, record.service_id, [record.id])
    record.details_expired = True
    record.failure_bytes, record.failures_not_kept = 0, counts_of(record)[FAILED]
