"""Finds out in which format something is, and reads it.

The catalog's own formats are read where they lie; items of other formats go into a spool.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dashboard_catalog.sources.files.paths import holdings_in, received, sources_at
from dashboard_catalog.sources.files.records import LINES_SUFFIXES
from dashboard_catalog.sources.files.trees import Tree, printable, tree_at
from dashboard_catalog.sources.formats import Format
from dashboard_catalog.sources.items.found import Found
from dashboard_catalog.sources.items.item_files import ItemFile, OwnFile, Spool, fill
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools import FORMATS, SERVERS, server_named
from dashboard_catalog.sources.wishes import Wishes

OWN = "catalog"
"""What `--from` calls the catalog's own formats."""
_OPENMETADATA = "openmetadata"
"""What `--from` calls OpenMetadata's samples, and its bodies, which the catalog's own formats include."""


@dataclass(slots=True)
class Reader:
    """Reads the sources of one load.

    Args:
        scratch: Folder for spools, and for copies of input that can be read only once.
        wishes: What people say about the sources.
        wanted: Name of the format of all of them; None to find it out.
        on_read: Called now and then with the number of items that were read of a source.

    Attributes:
        service: The BI service that people named, as a format describes it; None if none does.
        formats: Names of the formats of other tools that were read.
    """

    scratch: Path
    wishes: Wishes
    wanted: str | None
    on_read: Callable[[int], None]
    service: Mapping[str, Any] | None = None
    formats: set[str] = field(default_factory=set)
    _spools: int = 0

    def read_paths(self, paths: Sequence[str]) -> Iterator[ItemFile]:
        """Yields the files of items at paths: of a folder, a file, or standard input (`-`).

        Raises:
            SourceError: If one cannot be read.
        """
        for path in paths:
            yield from self._at(path, is_only=len(paths) == 1)

    def read_server(self, url: str) -> ItemFile:
        """Returns what a tool has that is asked over HTTP.

        Raises:
            SourceError: If it cannot be asked, or refuses.
        """
        if self.wanted is None or self.wanted not in SERVERS:
            raise SourceError(f"--url needs --from with one of: {', '.join(SERVERS)}")
        items = server_named(self.wanted).items(url, self.wishes)
        return self._spool(items, self.wanted, has_all_charts=True)

    def _at(self, path: str, *, is_only: bool) -> Iterator[ItemFile]:
        file, name = received(path, self.scratch)
        if not is_only and path != "-":
            # Files of several folders may have the same names.
            name = printable(path.rstrip("/"))
        tree, found = _format_of(file, name, self.wanted)
        if tree is not None and found is not None:
            self.formats.add(found.name)
            prefix = f"{name}/" if tree.names != (name,) and not is_only else ""
            items = (replace(item, place=prefix + item.place) for item in found.items(tree, self.wishes))
            yield self._spool(items, name, has_all_charts=found.has_all_charts)
            return
        sources = sources_at(file, name, is_only=is_only, tried_tools=self.wanted is None)
        has_all_charts = {"chart", "dashboard"} <= {source.holding for source in sources}
        for source in sources:
            yield OwnFile(source, self.wishes, has_all_charts)

    def _spool(self, items: Iterable[Found], name: str, *, has_all_charts: bool) -> ItemFile:
        self._spools += 1
        spool = Spool(name, self.scratch / f"spool-{self._spools}", has_all_charts)
        fill(spool, self._without_service(items), self.on_read)
        return spool

    def _without_service(self, items: Iterable[Found]) -> Iterator[Found]:
        """Yields all items but the BI service that people named, which may exist with other content."""
        for item in items:
            if item.kind is Kind.BI_SERVICE and item.body and item.body.get("name") == self.wishes.service:
                self._describe_service(item.body)
            else:
                yield item

    def _describe_service(self, body: Mapping[str, Any]) -> None:
        """Remembers what a format says about the BI service that people named.

        Raises:
            SourceError: If another format says that it is of another type. Ids of two tools may be the same.
        """
        types = [one.get("serviceType") for one in (self.service or body, body)]
        if types[0] != types[1]:
            text = f"{self.wishes.service} would be a BI service of the types {types[0]} and {types[1]}"
            raise SourceError(f"{text}: load each tool by itself, with a --service of its own")
        self.service = self.service or body


def names() -> list[str]:
    """Returns all names of formats."""
    return sorted({OWN, *(known.name for known in FORMATS), *SERVERS})


def _format_of(path: Path, name: str, wanted: str | None) -> tuple[Tree | None, Format | None]:
    """Returns the format of another tool with what it reads; None for the catalog's own formats."""
    if wanted == OWN or (wanted is None and _is_own(path, name)):
        return None, None
    tree = tree_at(path, name)
    if wanted is None or wanted == _OPENMETADATA:
        among = [known for known in FORMATS if wanted in {None, known.name}]
        return tree, next((known for known in among if known.recognizes(tree)), None)
    if found := next((known for known in FORMATS if known.name == wanted), None):
        return tree, found
    if wanted in SERVERS:
        raise SourceError(f"--from {wanted} needs --url")
    raise SourceError(f"--from {wanted} is not a format; expected one of {', '.join(names())}")


def _is_own(path: Path, name: str) -> bool:
    """Says whether the name alone tells that a path is in one of the catalog's own formats."""
    if not path.is_dir():
        return name.lower().endswith(LINES_SUFFIXES)
    # Samples of OpenMetadata have a file of this name too.
    return set(holdings_in(path)) - {"service.json"} != set()
