"""The items that were not written: in the order of their source, with those that failed alike together."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.cli.failures import Failure

SHOWN_ALIKE = 3
"""How many items that failed alike are shown."""
_SHOWN_PROBLEMS = 5
_INDEX = re.compile(r"\[\d+\]")
# What differs between texts that say the same, if they have no reason.
_VARIABLE = re.compile(r"\([^)]*\)|:.*|\d+")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an item was found.

    Attributes:
        source: Number of the source.
        number: Number of the item in its source.
        name: For people: `charts.ndjson:12`.
    """

    source: int
    number: int
    name: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class FailedItem:
    """An item that was not written.

    Attributes:
        place: Where it was found.
        kind: Its kind; empty if that is unknown.
        name: Its fully qualified name, or the part that is known.
        failure: Why it failed.
    """

    place: Place
    kind: str
    name: str
    failure: Failure

    @property
    def likeness(self) -> object:
        """What is wrong: equal for items that failed alike, whatever their names are."""
        problems = self.failure.problems
        if not problems:
            return self.failure.code, self.failure.reason
        return frozenset((_INDEX.sub("", one.field), one.reason or _VARIABLE.sub("", one.text)) for one in problems)

    def lines(self, *, whole: bool) -> Iterator[Text]:
        """Yields the lines for people: the item, and what is wrong with it.

        Args:
            whole: Whether to show all that is wrong, not just the first problems.
        """
        named = " ".join(filter(None, (self.kind.replace("_", " "), self.name)))
        yield Text.assemble((output.printable(self.place.name), "bold"), output.cell(f"  {named}".rstrip()))
        lines = list(self.failure.lines())
        count = len(self.failure.problems) + self.failure.unnamed
        if not whole and len(lines) > _SHOWN_PROBLEMS + 1:
            lines = [*lines[:_SHOWN_PROBLEMS], f"... and {count - _SHOWN_PROBLEMS} more"]
        yield from (output.cell(f"    {line}", "red") for line in lines)

    def as_json(self) -> dict[str, Any]:
        """Returns the object for programs."""
        return {
            "place": self.place.name,
            "kind": self.kind,
            "fullyQualifiedName": self.name,
            "code": self.failure.code,
            "reason": self.failure.reason,
            "message": self.failure.message,
            "violations": [
                {"field": problem.field, "reason": problem.reason, "description": problem.text}
                for problem in self.failure.problems
            ],
        }


def all_lines(failed: Iterable[FailedItem]) -> Iterator[Text]:
    """Yields the lines of all items, in the order of their source."""
    for one in _ordered(failed):
        yield from one.lines(whole=True)


def grouped_lines(failed: Iterable[FailedItem], most: int) -> Iterator[Text]:
    """Yields the lines of some items of each group, in the order in which the groups begin.

    Args:
        failed: All items.
        most: Maximum number of items to show.
    """
    groups: dict[object, list[FailedItem]] = {}
    for one in _ordered(failed):
        groups.setdefault(one.likeness, []).append(one)
    shown = hidden = 0
    for group in groups.values():
        some = group[: min(SHOWN_ALIKE, most - shown)]
        if not some:
            hidden += len(group)
            continue
        shown += len(some)
        for one in some:
            yield from one.lines(whole=False)
        if more := len(group) - len(some):
            yield output.cell(f"... and {more:,} more like this, up to {group[-1].place.name}")
    if hidden:
        yield output.cell(f"... and {hidden:,} more that failed for other reasons")
    if shown < sum(map(len, groups.values())):
        yield output.cell("List all with --all-failures.")


def first(failed: Iterable[FailedItem], count: int | None) -> list[FailedItem]:
    """Returns the first items in the order of their source; all of them if there is no count."""
    return _ordered(failed)[:count]


def _ordered(failed: Iterable[FailedItem]) -> list[FailedItem]:
    return sorted(failed, key=lambda one: one.place)
