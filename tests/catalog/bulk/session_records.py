"""Rows of sessions for tests of what a session stores."""

from datetime import UTC, datetime
from uuid import uuid4

from dashboard_catalog.store.records import CATALOG_ID, SessionRecord


def new_session() -> SessionRecord:
    """Returns the row of a session that has written nothing yet."""
    return SessionRecord(
        service_id=CATALOG_ID,
        id=uuid4(),
        owner="loader",
        options=b"",
        started_at=datetime.now(UTC),
        updated_at=datetime.now(UTC),
    )
