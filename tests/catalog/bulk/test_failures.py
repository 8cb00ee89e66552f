"""A refused item is the same after it is read again from its session."""

import json

from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.bulk.failures import ItemFailure, decode_error, encode_error, failure_rows, read_failure
from dashboard_catalog.catalog.model.commands import AssetName, ChunkItem, Unchanged
from dashboard_catalog.catalog.model.kinds import CHART_KIND
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

    rows = failure_rows(new_session(), items, [Unchanged(CHART_KIND, None), error])

    (failure,) = map(read_failure, rows)
    assert failure == ItemFailure(8, "chart", "superset.b", failure.error)
    assert failure.error.reason is Reason.ACTION_DENIED
