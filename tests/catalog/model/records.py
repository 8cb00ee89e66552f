"""Records of assets with only the fields that a test needs."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dashboard_catalog.store.records import DashboardRecord

SERVICE = UUID(int=1)


def dashboard(**fields: Any) -> DashboardRecord:
    """Returns a dashboard with these fields."""
    return DashboardRecord(
        **{
            "service_id": SERVICE,
            "name": "d",
            "id": UUID(int=2),
            "change_number": 1,
            "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
            "updated_by": "ann",
            "by_ingestion": False,
            "call_id": "call",
            **fields,
        }
    )
