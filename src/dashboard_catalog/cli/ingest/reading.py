"""Turns sources into the items of a stream, in the order of loading: entities by kind, charts, dashboards.

To keep memory flat, it reads a source once to count its items, and again for each kind that it has.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from dashboard_catalog.cli.failures import Failure
from dashboard_catalog.cli.ingest.failed import FailedItem, Place
from dashboard_catalog.cli.ingest.report import Report
from dashboard_catalog.sources.items.duplicates import Duplicates
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.item_files import ItemFile
from dashboard_catalog.sources.items.messages import Conversion, convert, full_name
from dashboard_catalog.sources.items.openmetadata import name_in
from dashboard_catalog.sources.items.paging import Paging
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import Problem
from dashboard_catalog_client import Item, item_of
from dashboardcatalog.v1 import bulk_pb2

_ITEMS_BETWEEN_NOTICES = 1_000


class Reading:
    """The items to load.

    Args:
        files: The files to read.
        strict: Whether to refuse an item with a field that the catalog does not have.
        sweeps: Whether the load will delete assets that it does not mention.
        max_failures: Reading stops if more items than this cannot become a message.
        report: Gets the counts and the unreadable items.
        on_read: Called now and then with the number of items that are counted so far.

    Attributes:
        files: The files.
        total: Number of items, including those that cannot become a message.
        is_unreadable: Whether nothing in the sources looks like an item.
        services: Raw names of the BI services that the sources hold.
        used_services: Names of the BI services of dashboards and charts, as these have them.
    """

    def __init__(
        self,
        files: Sequence[ItemFile],
        *,
        strict: bool,
        sweeps: bool,
        max_failures: int,
        report: Report,
        on_read: Callable[[int], None],
    ) -> None:
        self.files = files
        self._strict = strict
        self._sweeps = sweeps
        self._max_failures = max_failures
        self._report = report
        self._on_read = on_read
        self._duplicates = Duplicates()
        # Refused items of which nobody knows what they mention.
        self._unknown = 0
        self.total = 0
        self.is_unreadable = True
        self.services: set[str] = set()
        self.used_services: set[str] = set()
        paging = Paging()
        self._held = [(number, file, self._survey(number, file, paging)) for number, file in enumerate(files)]
        for place, problem in paging.problems():
            self._take(Place(len(files), self.total, place), BadItem(place, problem))

    @property
    def has_all_charts(self) -> bool:
        """Whether all dashboards have all their charts, so that a dashboard without charts has none."""
        with_dashboards = [file for _, file, held in self._held if held[Kind.DASHBOARD]]
        return bool(with_dashboards) and all(file.has_all_charts for file in with_dashboards)

    def items(self) -> Iterator[Item]:
        """Yields the items that can be sent; the others go to the report."""
        yield from self._readable()
        if self._sweeps and (self._unknown or self._report.stopped):
            # Nobody knows which assets the items mention that were refused or not read. An item without content tells
            # the server to delete nothing; it stands for one of them.
            self._report.refused -= 1
            yield item_of(bulk_pb2.BulkUpsertItem())

    def _readable(self) -> Iterator[Item]:
        for kind in Kind:
            for file_number, file, held in self._held:
                for number, found in enumerate(file.items() if held[kind] else ()):
                    if self._report.stopped:
                        return
                    if isinstance(found, FoundItem) and found.kind is kind:
                        yield from self._item(Place(file_number, number, found.place), found)

    def _survey(self, file_number: int, file: ItemFile, paging: Paging) -> Counter[Kind]:
        held: Counter[Kind] = Counter()
        for number, found in enumerate(file.items(paging)):
            self._take(Place(file_number, number, found.place), found)
            if isinstance(found, FoundItem):
                held[found.kind] += 1
                self._note_service(found)
            if self._report.stopped:
                break
        return held

    def _take(self, place: Place, found: Found) -> None:
        """Counts an item, and refuses it if it cannot be loaded."""
        self.total += 1
        self.is_unreadable &= found.body is None
        if self.total % _ITEMS_BETWEEN_NOTICES == 0:
            self._on_read(self.total)
        if isinstance(found, BadItem):
            self._unknown += 1
            self._refuse(place, found.kind or "", full_name(found.body or {}), _failure(Problem("", found.problem)))

    def _note_service(self, found: FoundItem) -> None:
        if found.kind is Kind.BI_SERVICE:
            self.services.add(str(found.body.get("name")))
        elif found.kind.is_asset and isinstance(service := name_in(found.body.get("service")), str):
            self.used_services.add(service)

    def _item(self, place: Place, found: FoundItem) -> Iterator[Item]:
        kind, body = found.kind, found.body
        conversion = convert(kind, body, found.preserved)
        conversion.dropped += found.dropped
        if problems := self._problems(conversion):
            self._unknown += 1
            self._refuse(place, kind, full_name(body), _failure(*problems))
            return
        if other := self._duplicates.other_place(kind, conversion.item, place.name):
            text = f"differs from the first item with this name, at {other}; only the first one counts"
            self._refuse(place, kind, full_name(body), Failure("INVALID_ARGUMENT", text, "DUPLICATE_ITEM"))
            return
        item = item_of(conversion.item, place)
        self._report.dropped.update(conversion.dropped)
        self._report.count(kind, full_name(body), item)
        yield item

    def _problems(self, conversion: Conversion) -> tuple[Problem, ...]:
        unknown = [Problem(path, "is not a field of the catalog") for path in conversion.dropped if self._strict]
        return (*conversion.problems, *unknown)

    def _refuse(self, place: Place, kind: str, name: str, failure: Failure) -> None:
        self._report.refused += 1
        self._report.failures.append(FailedItem(place, kind, name, failure))
        if self._report.refused > self._max_failures:
            self._report.stopped = f"more than {self._max_failures:,} items cannot be sent"


def _failure(*problems: Problem) -> Failure:
    return Failure("INVALID_ARGUMENT", str(problems[0]), problems=problems)
