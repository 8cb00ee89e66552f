"""The arguments that commands for one dashboard, chart or entity share."""

from enum import StrEnum
from typing import Annotated

import typer

from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import asset_pb2


class Deleted(StrEnum):
    """Whether to include what is soft-deleted."""

    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY = "only"

    @property
    def wire(self) -> asset_pb2.Deleted.ValueType:
        """Its value in the contract."""
        return asset_pb2.Deleted.Value(f"DELETED_{self.name}")


NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="FQN", help="Fully qualified name, such as SERVICE.NAME for a dashboard.", show_default=False
    ),
]

KindOption = Annotated[Kind, typer.Option(metavar="KIND", help=f"What FQN names: {', '.join(reversed(Kind))}.")]

AssetKindOption = Annotated[Kind, typer.Option("--kind", metavar="KIND", help="What FQN names: dashboard or chart.")]

JsonLineOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs, one object per line.")]

KindsOption = Annotated[
    list[Kind] | None,
    typer.Option(metavar="KIND", help="Only this kind, such as chart or bi_service. Repeatable. All by default."),
]

ServicesOption = Annotated[
    list[str] | None, typer.Option(metavar="FQN", help="Only this BI service. Repeatable. All by default.")
]

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Validate without writing, and show what would be written.")
]

EtagOption = Annotated[
    str | None, typer.Option(help="Write only if this is still the etag of the dashboard or chart, as `get` shows it.")
]


def require_asset(kind: Kind, what: str) -> None:
    """Refuses a kind that has no versions.

    Args:
        kind: The kind.
        what: What the user asked for, to begin the error with: `--etag`, `history`.

    Raises:
        CommandError: If it is the kind of an entity.
    """
    if not kind.is_asset:
        raise CommandError(f"{what} is for dashboards and charts; a {kind.replace('_', ' ')} has no versions")
