"""The formats of other tools: what each module of `sources.tools` offers. The list of them is in that package.

A format turns what a tool wrote into items with the fields of the contract. It is read once, from its beginning to its
end; what reads the items keeps them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dashboard_catalog.sources.found import FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.secret_values import Prompt
from dashboard_catalog.sources.trees import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What people say about a source, because it does not say it itself.

    Attributes:
        service: Name of the BI service of what does not name one. The first item that needs it is preceded by the
            service itself, if its type is known.
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


class Format(Protocol):
    """A format of files."""

    @property
    def name(self) -> str:
        """What `--from` calls it: `grafana`."""

    def recognizes(self, tree: Tree) -> bool:
        """Says whether files are in this format. Looks at names and at the starts of a few files only."""

    def items(self, tree: Tree, wishes: Wishes) -> Iterator[FoundItem]:
        """Yields what the files hold: BI services first, otherwise in any order.

        What cannot be understood of one dashboard is an item with a problem, and the others are still yielded.

        Raises:
            SourceError: If nothing can be read, or a wish is missing; the text says which.
        """


class Server(Protocol):
    """A tool that is asked over HTTP."""

    @property
    def name(self) -> str:
        """What `--from` calls it: `grafana`."""

    def items(self, url: str, wishes: Wishes) -> Iterator[FoundItem]:
        """Yields what the tool has, page by page.

        Raises:
            SourceError: If it cannot be asked, or refuses.
        """
