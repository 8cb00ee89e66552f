"""How long bulk sessions are kept, and what becomes of one that is resumed too late.

Failures and mentions go first. Without them, a session cannot go on: its sweep would delete what it has mentioned. So
one that is resumed later begins again from its first item, which does no harm, because items that were written are
unchanged.
"""

from datetime import UTC, datetime, timedelta

from dashboard_catalog.catalog.bulk.counts import FAILED, counts_of
from dashboard_catalog.store import bulk_details as details
from dashboard_catalog.store import bulk_sessions as sessions
from dashboard_catalog.store import locks
from dashboard_catalog.store.connections import WriteConnection
from dashboard_catalog.store.records import CATALOG_ID, SessionRecord

SESSION_LIFETIME = timedelta(days=7)
"""How long a session can be resumed after its last chunk, and keeps its failures."""

RECORD_LIFETIME = timedelta(days=90)
"""How long a session can be looked at and reverted after its last chunk."""

# Opening a session expires some old ones; a limit keeps that short.
_MAX_EXPIRED = 20


async def expire_sessions(connection: WriteConnection) -> None:
    """Removes some of what has been kept for long enough."""
    now = datetime.now(UTC)
    for record in await sessions.lock_detailed(connection, now - SESSION_LIFETIME, _MAX_EXPIRED):
        await _remove_details(connection, record)
        # A connection that still lives must not write any more.
        record.connection = None
        await sessions.save(connection, record)
    await sessions.expire(connection, now - RECORD_LIFETIME, _MAX_EXPIRED)


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
