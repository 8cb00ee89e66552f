"""Requests and responses."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Name = Annotated[str, Field(min_length=1, max_length=256)]
FullyQualifiedName = Annotated[str, Field(min_length=1, max_length=2_400)]


class _Schema(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


class Owner(_Schema):
    type: Literal["user"] = "user"
    name: Name


class TagLabel(_Schema):
    tag_fqn: Annotated[FullyQualifiedName, Field(alias="tagFQN")]


class DashboardSpec(_Schema):
    """A whole dashboard, as a caller writes it."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    service: FullyQualifiedName
    display_name: Annotated[str | None, Field(max_length=1_024)] = None
    description: Annotated[str | None, Field(max_length=100_000)] = None
    dashboard_type: Literal["Dashboard", "Report"] = "Dashboard"
    source_url: Annotated[str | None, Field(max_length=2_048)] = None
    project: Annotated[str | None, Field(max_length=512)] = None
    charts: Annotated[list[FullyQualifiedName], Field(max_length=2_000)] = []
    owners: Annotated[list[Owner], Field(max_length=100)] = []
    tags: Annotated[list[TagLabel], Field(max_length=100)] = []

    @property
    def fully_qualified_name(self) -> str:
        return f"{self.service}.{self.name}"


class Reference(_Schema):
    """A thing that a dashboard refers to."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    fully_qualified_name: str
    display_name: str | None


class DashboardView(Reference):
    """A dashboard, as it is stored."""

    description: str | None
    dashboard_type: str
    source_url: str | None
    project: str | None
    version: float
    updated_at: datetime
    updated_by: str
    service: Reference
    charts: list[Reference]
    owners: list[Reference]
    tags: list[Reference]


class Failure(_Schema):
    """An item of a list that was not written, with the reason."""

    index: int
    error: str


class BulkResult(_Schema):
    """The result for a list of dashboards."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: list[Failure] = []
