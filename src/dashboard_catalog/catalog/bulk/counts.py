"""Counts the items of a session by outcome, and what it creates for them, in the form that its row and the log keep.

A count is named by its outcome in lower case, or `FAILED` for refused items. Outcomes that no item had are absent. What
is created for items is counted by kind, and not among the items.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from dashboard_catalog.catalog.model.commands import Outcome
from dashboard_catalog.catalog.writing.pipeline import Result
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import SessionRecord

FAILED = "failed"
ALL_OUTCOMES = (*(outcome.lower() for outcome in Outcome), FAILED)
_REFERENCE = "reference:"


def count_outcomes(results: Sequence[Result]) -> Counter[str]:
    """Returns the number of results by outcome."""
    counts = Counter(FAILED if isinstance(result, CatalogError) else result.outcome for result in results)
    return Counter({outcome.lower(): count for outcome, count in counts.items()})


def add_counts(session: SessionRecord, counts: Counter[str]) -> None:
    """Adds the counts of a chunk to those of its session."""
    session.counts = dict(Counter(session.counts) + counts)


def counts_of(session: SessionRecord) -> Counter[str]:
    """Returns the counts of all items that a session has written."""
    return Counter({name: count for name, count in session.counts.items() if not name.startswith(_REFERENCE)})


def add_references(session: SessionRecord, results: Iterable[Result]) -> None:
    """Adds what was created because items refer to it, as far as that was not refused."""
    made = (result for result in results if not isinstance(result, CatalogError))
    written = (result for result in made if result.outcome in {Outcome.CREATED, Outcome.RESTORED})
    add_counts(session, Counter(f"{_REFERENCE}{result.kind.name}" for result in written))


def references_of(session: SessionRecord) -> Counter[str]:
    """Returns the number of things that a session has created because items refer to them, by kind."""
    counts = session.counts.items()
    return Counter({name.removeprefix(_REFERENCE): n for name, n in counts if name.startswith(_REFERENCE)})
