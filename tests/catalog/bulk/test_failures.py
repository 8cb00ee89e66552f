"""A refused item is the same after it is read again from its session."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.bulk import failures
from dashboard_catalog.catalog.bulk.failures import (
    ItemFailure,
    decode_error,
    encode_error,
    failure_rows,
    keep_failures,
    read_failure,
)
from dashboard_catalog.catalog.model.commands import AssetName, ChunkItem, Unchanged
from dashboard_catalog.catalog.model.kinds import CHART_KIND
from dashboard_catalog.contract.status_details import status_of
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation
from tests.catalog.bulk.session_records import new_session

_texts = st.text()
_errors = st.builds(
    CatalogError,
    st.sampled_from(Reason),
    _texts,
    metadata=st.dictionaries(st.sampled_from(["action", "limit", "version"]), _texts),
    violations=st.lists(st.builds(Violation, _texts, st.sampled_from(ViolationReason), _texts), max_size=3),
    resource=st.none() | st.tuples(_texts, _texts),
)


def _parts(error: CatalogError) -> str:
    return repr((error.reason, error.message, sorted(error.metadata.items()), error.violations, error.resource))


@given(error=_errors)
def test_an_error_is_the_same_after_it_was_stored(error: CatalogError) -> None:
    stored = json.dumps(encode_error(error))

    assert "\\u0000" not in stored
    assert _parts(decode_error(json.loads(stored))) == _parts(error).replace("\\x00", "\N{REPLACEMENT CHARACTER}")


def test_only_refused_items_have_rows() -> None:
    error = CatalogError(Reason.ACTION_DENIED, "no")
    items = [ChunkItem(7 + place, "chart", AssetName("superset", name), error) for place, name in enumerate("ab")]

    rows = failure_rows(new_session(), items, [Unchanged(CHART_KIND, "superset", None), error])

    (failure,) = map(read_failure, rows)
    assert failure == ItemFailure(8, "chart", "superset.b", failure.error)
    assert failure.error.reason is Reason.ACTION_DENIED


def test_what_a_status_shows_of_a_large_error_is_stored_and_little_more() -> None:
    for text in ("x" * 600, "\N{CHART WITH UPWARDS TREND}" * 600, "x" * 100):
        violations = [Violation(f"charts[{n}]", ViolationReason.UNKNOWN_REFERENCE, text) for n in range(2_000)]
        error = CatalogError(
            Reason.INVALID_REQUEST, text, metadata={"key": text}, violations=violations, resource=("chart", text * 9)
        )

        stored = json.dumps(encode_error(error), ensure_ascii=False)

        assert status_of(decode_error(json.loads(stored)), "id") == status_of(error, "id")
        assert len(stored.encode()) < 80_000


def test_the_first_failures_are_kept_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    error = CatalogError(Reason.ACTION_DENIED, "no")
    items = [ChunkItem(place, "chart", AssetName("superset", "n" * 100), error) for place in range(100)]

    for limit, kept_bytes in (("MAX_SESSION_BYTES", 0), ("MAX_CALLER_BYTES", 1_000)):
        session = new_session()
        rows = failure_rows(session, items, [error] * 100)
        with monkeypatch.context() as limited:
            limited.setattr(failures, limit, 10_000 + kept_bytes)
            first = keep_failures(session, rows[:50], kept_bytes)
            rest = keep_failures(session, rows[50:], kept_bytes + session.failure_bytes)

        assert first == rows[: len(first)]
        assert (10 < len(first) < 50, rest) == (True, [])
        assert session.failure_bytes <= 10_000
        assert session.failures_not_kept == 100 - len(first)
