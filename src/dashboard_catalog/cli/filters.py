"""The filters of assets that lists and searches share, as options."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

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
class AssetFilters:
    """The filters, named as in the requests of the contract. A result must match all of them."""

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
        list[Missing] | None,
        typer.Option(
            metavar="PART",
            help="Only those that lack this: description, owners, domain or tags. Repeatable: those that lack all.",
        ),
    ] = None
