"""The formats of other tools: what each package of `sources.tools` offers. The list of them is in that package.

A format turns what a tool wrote into items with the fields of the contract. It is read once, from its beginning to its
end; what reads the items keeps them.
"""

from collections.abc import Iterator
from typing import Protocol

from dashboard_catalog.sources.files.trees import Tree
from dashboard_catalog.sources.items.found import Found
from dashboard_catalog.sources.wishes import Wishes


class Format(Protocol):
    """A format of files."""

    @property
    def name(self) -> str:
        """What `--from` calls it: `grafana`."""

    @property
    def has_all_charts(self) -> bool:
        """Whether its dashboards have all their charts, so that a dashboard without charts has none."""

    def recognizes(self, tree: Tree) -> bool:
        """Says whether files are in this format. Looks at names and at the starts of a few files only."""

    def items(self, tree: Tree, wishes: Wishes) -> Iterator[Found]:
        """Yields what the files hold: BI services first, otherwise in any order.

        What cannot be understood is a `BadItem`, and the others are still yielded.

        Raises:
            SourceError: If nothing can be read, or a wish is missing; the text says which.
        """


class Server(Protocol):
    """A tool that is asked over HTTP."""

    @property
    def name(self) -> str:
        """What `--from` calls it: `grafana`."""

    def items(self, url: str, wishes: Wishes) -> Iterator[Found]:
        """Yields what the tool has, page by page.

        Raises:
            SourceError: If it cannot be asked, or refuses.
        """
