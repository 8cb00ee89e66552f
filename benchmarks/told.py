"""What the writers of `benchmarks.watching` were told, and how it compares with what is stored.

Every call has an id of its own, which the versions that it writes keep.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select

from dashboard_catalog.store.database import Database
from dashboard_catalog.store.tables import CHART, CHART_HISTORY, DASHBOARD, DASHBOARD_HISTORY

COLLECTORS = 4
"""Dashboards to which writers add charts, and from which nothing is removed."""


def collector(number: int) -> str:
    """Returns the name of one of them."""
    return f"collector{number}"


class Told(NamedTuple):
    """The answer to a write.

    Attributes:
        call: Id of the call.
        id: Id of the asset.
        version: The version that it wrote.
        description: The description that it sent; empty if it sent none.
        base: The version that it was bound to by an etag; 0 if by none.
    """

    call: str
    id: str
    version: int
    description: str = ""
    base: int = 0


class Ledger:
    """What all writers were told.

    Attributes:
        told: The versions that were written.
        refused: Calls that wrote nothing, and their answers.
        added: By the id of a collector, the ids of the charts that were added to it.
        perhaps_added: Those for which the answer got lost.
        answers: How often which call had which answer.
        problems: Answers that no call may have.
    """

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.refused: dict[str, str] = {}
        self.added: dict[str, set[str]] = defaultdict(set)
        self.perhaps_added: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.problems: list[str] = []
        self._calls = 0

    def new_call(self) -> str:
        """Returns the id of another call."""
        self._calls += 1
        return f"writer-{self._calls}"

    def show(self) -> None:
        """Prints how often which call had which answer."""
        by_call: dict[str, list[str]] = defaultdict(list)
        for answer, count in sorted(self.answers.items()):
            call, _, code = answer.rpartition(" ")
            by_call[call].append(f"{code} {count:,}")
        for call, codes in by_call.items():
            print(f"  {call:<24} {', '.join(codes)}")


class Version(NamedTuple):
    """A stored version of an asset."""

    id: str
    version: int
    call: str
    description: str | None
    charts: frozenset[str]


async def stored_versions(database: Database) -> list[Version]:
    """Returns all versions of all assets."""
    found: list[Version] = []
    async with database.read() as connection:
        for table in (DASHBOARD, DASHBOARD_HISTORY, CHART, CHART_HISTORY):
            columns: list[Any] = [table.c.id, table.c.version, table.c.call_id, table.c.description]
            columns += [table.c.charts] if "charts" in table.c else []
            for row in await connection.execute(select(*columns)):
                charts = frozenset(map(str, row[4])) if len(row) > 4 else frozenset()
                found.append(Version(str(row[0]), row[1], row[2], row[3], charts))
    return found


def differences(ledger: Ledger, versions: Sequence[Version]) -> Iterator[str]:
    """Yields what is wrong."""
    yield from ledger.problems
    by_id: dict[str, list[Version]] = defaultdict(list)
    for version in versions:
        by_id[version.id].append(version)
        if version.call in ledger.refused:
            yield f"written by a call that was answered {ledger.refused[version.call]}: {version}"
    for id_, those in by_id.items():
        numbers = sorted(version.version for version in those)
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"gaps or repeated numbers in the versions of {id_}: {numbers}"
    yield from _untrue(ledger, by_id)
    yield from _lost(ledger, by_id)


def _untrue(ledger: Ledger, by_id: dict[str, list[Version]]) -> Iterator[str]:
    """Yields answers that are not what is stored. What has been removed for good has no versions."""
    stored = {(version.id, version.version): version for versions in by_id.values() for version in versions}
    bases = Counter((told.id, told.base) for told in ledger.told if told.base)
    yield from (f"{count} writes replaced version {base[1]} of {base[0]}" for base, count in bases.items() if count > 1)
    for told in ledger.told:
        if told.base and told.version != told.base + 1:
            yield f"bound to version {told.base}, and another one lies between: {told}"
        if told.id not in by_id:
            continue
        version = stored.get((told.id, told.version))
        if version is None or version.call != told.call or told.description not in ("", version.description):
            yield f"told {told}, stored {version}"


def _lost(ledger: Ledger, by_id: dict[str, list[Version]]) -> Iterator[str]:
    """Yields charts that are missing in collectors, and those that nobody has added."""
    for id_, added in ledger.added.items():
        charts = max(by_id[id_], key=lambda version: version.version).charts
        yield from (f"chart {chart} of collector {id_} got lost" for chart in added - charts)
        yield from (f"nobody added chart {chart} to {id_}" for chart in charts - added - ledger.perhaps_added)
