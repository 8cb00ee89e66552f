"""The tables: dashboards, what they refer to, and their earlier versions.

Their only indexes are those that the service uses, because each index slows down its writes.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import Column, DateTime, ForeignKey, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The tables of this service."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB}


class Entity(Base):
    """Anything with an id that is found by its fully qualified name."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    fully_qualified_name: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str | None]


class BiService(Entity):
    __tablename__ = "bi_service"


class User(Entity):
    __tablename__ = "user_account"


class Tag(Entity):
    __tablename__ = "tag"


class Chart(Entity):
    __tablename__ = "chart"

    service_id: Mapped[UUID] = mapped_column(ForeignKey("bi_service.id"))


def _held(name: str, kind: str) -> Table:
    """Returns the table that links dashboards to things of a kind."""
    return Table(
        name,
        Base.metadata,
        Column("dashboard_id", ForeignKey("dashboard.id", ondelete="CASCADE"), primary_key=True),
        Column("target_id", ForeignKey(f"{kind}.id"), primary_key=True),
    )


DASHBOARD_CHART = _held("dashboard_chart", Chart.__tablename__)
DASHBOARD_OWNER = _held("dashboard_owner", User.__tablename__)
DASHBOARD_TAG = _held("dashboard_tag", Tag.__tablename__)


class Dashboard(Entity):
    __tablename__ = "dashboard"

    service_id: Mapped[UUID] = mapped_column(ForeignKey("bi_service.id"))
    description: Mapped[str | None]
    dashboard_type: Mapped[str]
    source_url: Mapped[str | None]
    project: Mapped[str | None]
    version: Mapped[float]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]

    # Already loaded, because every write of a dashboard looks up its service.
    service: Mapped[BiService] = relationship(lazy="raise_on_sql")
    charts: Mapped[list[Chart]] = relationship(secondary=DASHBOARD_CHART, lazy="raise")
    owners: Mapped[list[User]] = relationship(secondary=DASHBOARD_OWNER, lazy="raise")
    tags: Mapped[list[Tag]] = relationship(secondary=DASHBOARD_TAG, lazy="raise")


class DashboardVersion(Base):
    """A whole earlier version of a dashboard."""

    __tablename__ = "dashboard_version"

    dashboard_id: Mapped[UUID] = mapped_column(ForeignKey("dashboard.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[float] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
