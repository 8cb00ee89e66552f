"""What people say about a source on the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.servers.secret_values import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What people say about a source, because it does not say it itself.

    Attributes:
        service: Name of the BI service of what does not name one.
        service_type: Type of that BI service; None if the format knows.
        kind: Kind of what could be a dashboard or a chart.
        columns: For tables: the field of each column.
        prompt: Asks for credentials that are not in the environment; None to ask nobody.
    """

    service: str | None = None
    service_type: str | None = None
    kind: Kind | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    prompt: Prompt | None = field(default=None, compare=False)
