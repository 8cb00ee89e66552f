"""The options of `ingest` that say what its sources are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.ingest.prompting import ask_at_terminal
from dashboard_catalog.sources.detection import names
from dashboard_catalog.sources.files.trees import printable
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.urls import without_query
from dashboard_catalog.sources.wishes import Wishes


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What people say about sources."""

    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help=f"Format of the sources: {', '.join(names())}. By default, it is found out.",
        ),
    ] = None
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask this BI tool instead of reading a PATH. Needs --from.")
    ] = None
    service: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the BI service of dashboards and charts that name none. It is created if it does not exist.",
        ),
    ] = None
    service_type: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="Type of the BI service, such as Superset, if the source does not say it."),
    ] = None
    kind: Annotated[
        Literal["dashboard", "chart"] | None,
        typer.Option(help="Kind of the items that could be a dashboard or a chart."),
    ] = None
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="The field of a column of a table. Repeatable."),
    ] = None

    def wishes(self) -> Wishes:
        """Returns the options as formats take them.

        Raises:
            CommandError: If they are not valid.
        """
        for flag, value in (("--service", self.service), ("--service-type", self.service_type), ("--url", self.url)):
            if value is not None and not value.strip():
                raise CommandError(f"{flag} is empty")
        return Wishes(
            service=self.service,
            service_type=self.service_type,
            kind=None if self.kind is None else Kind(self.kind),
            columns=_columns(self.map_ or ()),
            prompt=ask_at_terminal,
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """What one load reads.

    Attributes:
        paths: The paths; none if a BI tool is asked.
        options: What people say about them.
        wishes: The same for formats.
    """

    paths: tuple[str, ...]
    options: SourceOptions
    wishes: Wishes

    @property
    def name(self) -> str:
        """The name that people know: what they typed, without secrets."""
        if self.options.url is not None:
            return without_query(self.options.url)
        return ", ".join(map(printable, self.paths))

    @property
    def identity(self) -> str:
        """What tells the sources from others, wherever the command runs, with what decides how they are read."""
        read = [path if path == "-" else str(Path(path).absolute()) for path in self.paths]
        return "\n".join([*read, str(self.options)])


def _columns(given: Sequence[str]) -> Mapping[str, str]:
    columns: dict[str, str] = {}
    for one in given:
        # The name of a column may hold the sign, that of a field cannot.
        column, sign, field = one.rpartition("=")
        if not sign or not column or not field:
            raise CommandError(f"--map {one!r} is not COLUMN=FIELD, such as title=display_name")
        if column in columns:
            raise CommandError(f"--map names the column {column!r} twice")
        columns[column] = field
    return columns
