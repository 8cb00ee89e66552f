"""The filters of a search, as options and as fields of the request."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from dashboard_catalog.cli.arguments import Deleted
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import asset_pb2


class Missing(StrEnum):
    """A part that a dashboard or chart may lack."""

    DESCRIPTION = "description"
    OWNERS = "owners"
    DOMAIN = "domain"
    TAGS = "tags"

    @property
    def wire(self) -> asset_pb2.Missing.ValueType:
        """Its value in the contract."""
        return asset_pb2.Missing.Value(f"MISSING_{self.name}")


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """The filters, named as in the request. A result must match all of them."""

    service: Annotated[str | None, typer.Option(help="Only those of this BI service (FQN).")] = None
    service_type: Annotated[str | None, typer.Option(help="Only those of BI services of this type.")] = None
    owner: Annotated[str | None, typer.Option(help="Only those owned by user:NAME or team:NAME.")] = None
    domain: Annotated[str | None, typer.Option(help="Only those in this domain (FQN) or below it.")] = None
    tag: Annotated[
        str | None,
        typer.Option(help="Only those with this tag (FQN) or one below it, or with any tag of this classification."),
    ] = None
    project: Annotated[str | None, typer.Option(help="Only dashboards of this project.")] = None
    missing: Annotated[
        list[Missing] | None, typer.Option(help="Only those that lack this. Repeatable: those that lack all.")
    ] = None
    deleted: Annotated[
        Deleted | None, typer.Option(help="Whether to find soft-deleted ones.", show_default="exclude")
    ] = None


def request_fields(filters: SearchFilters, kinds: Iterable[Kind]) -> dict[str, Any]:
    """Returns the fields of a SearchRequest."""
    given = asdict(filters) | {
        "missing": [one.wire for one in filters.missing or ()],
        "deleted": filters.deleted and filters.deleted.wire,
    }
    return {name: value for name, value in given.items() if value} | {"kinds": [kind.wire for kind in kinds]}
