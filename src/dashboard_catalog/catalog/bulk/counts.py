"""Counts the items of a session by outcome, in the form that its row and the log keep.

A count is named by its outcome in lower case, or `FAILED` for refused items. Outcomes that no item had are absent.
"""

from collections import Counter
from collections.abc import Sequence

from dashboard_catalog.catalog.writing.pipeline import Result
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import SessionRecord

FAILED = "failed"


def count_outcomes(results: Sequence[Result]) -> Counter[str]:
    """Returns the number of results by outcome."""
    counts = Counter(FAILED if isinstance(result, CatalogError) else result.outcome for result in results)
    return Counter({outcome.lower(): count for outcome, count in counts.items()})


def add_counts(session: SessionRecord, counts: Counter[str]) -> None:
    """Adds the counts of a chunk to those of its session."""
    session.counts = dict(counts_of(session) + counts)


def counts_of(session: SessionRecord) -> Counter[str]:
    """Returns the counts of all items that a session has written."""
    return Counter(session.counts)
