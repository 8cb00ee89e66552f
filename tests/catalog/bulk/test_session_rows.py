"""The row of a session stores the number of its items by outcome, and the result of its sweep."""

import json

from dashboard_catalog.catalog.bulk.counts import FAILED, add_counts, count_outcomes, counts_of
from dashboard_catalog.catalog.bulk.sweep import SweepOutcome, SweepResult
from dashboard_catalog.catalog.model.commands import Outcome, Unchanged
from dashboard_catalog.catalog.model.kinds import CHART_KIND
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from tests.catalog.bulk.session_records import new_session

CREATED = Unchanged(CHART_KIND, "superset", None, outcome=Outcome.CREATED)
UNCHANGED = Unchanged(CHART_KIND, "superset", None)
REFUSED = CatalogError(Reason.ACTION_DENIED, "no")


def test_counts_of_chunks_add_up_and_zero_counts_are_absent() -> None:
    session = new_session()

    for results in ([CREATED, UNCHANGED, CREATED], [REFUSED], [UNCHANGED], []):
        add_counts(session, count_outcomes(results))

    assert session.counts == {"created": 2, "unchanged": 2, FAILED: 1}
    assert counts_of(session)["restored"] == 0
    assert counts_of(session).total() == 5


def test_a_session_stores_the_result_of_its_sweep() -> None:
    session = new_session()
    assert SweepResult.of(session) is None
    result = SweepResult(SweepOutcome.TOO_MANY, would_delete=2, sample=["s.a", "s.b"])

    result.keep(session)
    session.swept = json.loads(json.dumps(session.swept))

    assert SweepResult.of(session) == result
