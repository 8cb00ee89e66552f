"""The filters of a search, as options and as fields of the request."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from dashboard_catalog.cli.arguments import Deleted
from dashboard_catalog.cli.filters import AssetFilters
from dashboard_catalog.sources.kinds import Kind


@dataclass(frozen=True, slots=True)
class SearchFilters(AssetFilters):
    """The filters of a search."""

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
