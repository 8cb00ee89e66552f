"""Turns sources into the items of a stream, in the order of loading: entities by kind, charts, dashboards.

To keep memory flat, it reads a source once to count its items, and again for each kind that it has.
"""

from collections import Counter
from collections.abc import Iterator

from dashboard_catalog.cli.failures import Failure
from dashboard_catalog.cli.ingest.report import FailedItem, Report
from dashboard_catalog.sources.files import Source
from dashboard_catalog.sources.items import Body, FoundItem, items_in
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.messages import Conversion, convert, full_name
from dashboard_catalog.sources.problems import Problem
from dashboard_catalog_client import Item, item_of
from dashboardcatalog.v1 import bulk_pb2


class Reading:
    """The items to load.

    Args:
        sources: The sources to read.
        default: Kind of a body that could be a dashboard or a chart.
        strict: Whether to refuse an item with a field that the catalog does not have.
        sweeps: Whether the load will delete assets that it does not mention.
        max_failures: Reading stops if more items than this cannot become a message.
        report: Gets the counts and the unreadable items.
    """

    def __init__(
        self,
        sources: list[Source],
        default: Kind | None,
        *,
        strict: bool,
        sweeps: bool,
        max_failures: int,
        report: Report,
    ) -> None:
        self._default = default
        self._strict = strict
        self._sweeps = sweeps
        self._max_failures = max_failures
        self._report = report
        self._held = [(source, self._survey(source)) for source in sources]

    @property
    def total(self) -> int:
        """Number of items, including those that cannot become a message."""
        return sum(held.total() for _, held in self._held)

    def holds(self, kind: Kind) -> bool:
        """Says whether the sources have an item of the kind."""
        return any(held[kind] for _, held in self._held)

    def items(self) -> Iterator[Item]:
        """Yields the items that can be sent; the others go to the report."""
        yield from self._readable()
        if self._sweeps and self._report.refused:
            # Nobody knows which assets the refused items mention. An item without content tells the server to delete
            # nothing; it stands for one of them.
            self._report.refused -= 1
            yield item_of(bulk_pb2.BulkUpsertItem())

    def _readable(self) -> Iterator[Item]:
        for kind in Kind:
            for source, held in self._held:
                for found in items_in(source, self._default) if held[kind] else ():
                    if self._report.stopped:
                        return
                    if found.kind is kind and found.body is not None:
                        yield from self._item(found, kind, found.body)

    def _survey(self, source: Source) -> Counter[Kind | None]:
        held: Counter[Kind | None] = Counter()
        for found in items_in(source, self._default):
            held[found.kind] += 1
            if found.problem is not None:
                self._refuse(found, "", (Problem("", found.problem),))
                if self._report.stopped:
                    break
        return held

    def _item(self, found: FoundItem, kind: Kind, body: Body) -> Iterator[Item]:
        conversion = convert(kind, body)
        if problems := self._problems(conversion):
            self._refuse(found, full_name(body), problems)
            return
        item = item_of(conversion.item, found.place)
        self._report.dropped.update(conversion.dropped)
        self._report.sent[item.kind] += 1
        yield item

    def _problems(self, conversion: Conversion) -> tuple[Problem, ...]:
        unknown = [Problem(path, "is not a field of the catalog") for path in conversion.dropped if self._strict]
        return (*conversion.problems, *unknown)

    def _refuse(self, found: FoundItem, name: str, problems: tuple[Problem, ...]) -> None:
        self._report.refused += 1
        failure = Failure("INVALID_ARGUMENT", str(problems[0]), problems=problems)
        self._report.add_failure(FailedItem(found.place, found.kind or "", name, failure))
        if self._report.refused > self._max_failures:
            self._report.stopped = f"more than {self._max_failures:,} items could not be read"
