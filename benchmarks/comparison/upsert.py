"""Writes any number of dashboards with the same few statements.

New dashboards go through the ORM's bulk INSERT, which takes a third of the time of its unit of work. The unit of work
writes the changes of other dashboards.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from benchmarks.comparison.models import (
    DASHBOARD_CHART,
    DASHBOARD_OWNER,
    DASHBOARD_TAG,
    Base,
    Dashboard,
    DashboardVersion,
)
from benchmarks.comparison.references import Held, References, Refused, by_name, found
from benchmarks.comparison.schemas import DashboardSpec, DashboardView

_FIELDS = ("display_name", "description", "dashboard_type", "source_url", "project")
_LISTS = {"charts": DASHBOARD_CHART, "owners": DASHBOARD_OWNER, "tags": DASHBOARD_TAG}
# Locks against other writers; everyone locks in the same order.
_STORED = (
    by_name(Dashboard)
    .options(selectinload(Dashboard.charts), selectinload(Dashboard.owners), selectinload(Dashboard.tags))
    .order_by(Dashboard.fully_qualified_name)
    .with_for_update()
)

Row = dict[str, Any]


class Outcome(StrEnum):
    """The outcome for a dashboard."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


Result = tuple[Dashboard | Row, Outcome] | Refused
"""A dashboard that `DashboardView` accepts, with its outcome; or the reason why it was not written."""


async def upsert(session: AsyncSession, specs: Sequence[DashboardSpec], writer: str) -> list[Result]:
    """Creates or replaces dashboards, without a commit; writes nothing for unchanged dashboards."""
    references = await References.load(session, specs)
    stored = await found(session, _STORED, (spec.fully_qualified_name for spec in specs))
    batch = _Batch(stored, writer)

    def written(spec: DashboardSpec) -> Result:
        try:
            return batch.write(spec, references.held_by(spec))
        except Refused as error:
            return error

    results = [written(spec) for spec in specs]
    await batch.insert_rows(session)
    return results


class _Batch:
    """Dashboards that are written together."""

    def __init__(self, stored: dict[str, Dashboard], writer: str) -> None:
        self._stored = stored
        self._written: set[str] = set()
        self._audit = {"updated_at": datetime.now(UTC), "updated_by": writer}
        self._rows: dict[type[Base] | Table, list[Row]] = defaultdict(list)

    def write(self, spec: DashboardSpec, held: Held) -> tuple[Dashboard | Row, Outcome]:
        """Applies one dashboard.

        Raises:
            Refused: If the same name was already written.
        """
        name = spec.fully_qualified_name
        if name in self._written:
            raise Refused(f"{name} is there twice")
        self._written.add(name)
        if name not in self._stored:
            return self._create(spec, held), Outcome.CREATED
        dashboard = self._stored[name]
        values = {**{field: getattr(spec, field) for field in _FIELDS}, **held._asdict()}
        changed = {field: value for field, value in values.items() if _differ(getattr(dashboard, field), value)}
        if not changed:
            return dashboard, Outcome.UNCHANGED
        self._rows[DashboardVersion].append(_version(dashboard))
        for field, value in {**changed, **self._audit, "version": round(dashboard.version + 0.1, 1)}.items():
            setattr(dashboard, field, value)
        return dashboard, Outcome.UPDATED

    def _create(self, spec: DashboardSpec, held: Held) -> Row:
        row = {
            "id": uuid4(),
            "name": spec.name,
            "fully_qualified_name": spec.fully_qualified_name,
            "service_id": held.service.id,
            **{field: getattr(spec, field) for field in _FIELDS},
            "version": 0.1,
            **self._audit,
        }
        self._rows[Dashboard].append(row)
        for name, table in _LISTS.items():
            for target in getattr(held, name):
                self._rows[table].append({"dashboard_id": row["id"], "target_id": target.id})
        return {**row, **held._asdict()}

    async def insert_rows(self, session: AsyncSession) -> None:
        """Inserts all new rows with one statement per table; dashboards come first, because they were added first."""
        for kind, rows in self._rows.items():
            await session.execute(insert(kind), rows)


def _differ(stored: object, value: object) -> bool:
    if isinstance(stored, list) and isinstance(value, list):
        return set(stored) != set(value)
    return stored != value


def _version(dashboard: Dashboard) -> Row:
    document = DashboardView.model_validate(dashboard).model_dump(mode="json")
    return {"dashboard_id": dashboard.id, "version": dashboard.version, "document": document}
