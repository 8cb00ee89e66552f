"""Every reason becomes a status with details, and no status is larger than trailers can carry."""

from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.contract.limits import MAX_STATUS_BYTES
from dashboard_catalog.contract.status_details import status_of
from dashboard_catalog.error_codes import CODE_OF, Code, Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboardcatalog.v1 import error_reason_pb2
from tests.rpc.conftest import SOMETHING, ServedEdge, details_of, refused

CHART = ("chart", "superset.sales_by_day")
MISSING = Violation("dashboard.charts[2]", ViolationReason.UNKNOWN_REFERENCE, "no chart superset.x")

# A realistic error for each reason, and its details besides ErrorInfo and RequestInfo: name -> a part of its text.
CASES: Mapping[Reason, tuple[CatalogError, dict[str, str]]] = {
    Reason.INVALID_REQUEST: (
        invalid([MISSING]),
        {"BadRequest": 'field: "dashboard.charts[2]"'},
    ),
    Reason.MALFORMED_REQUEST: (CatalogError(Reason.MALFORMED_REQUEST, "no message"), {}),
    Reason.TOKEN_MISSING: (CatalogError(Reason.TOKEN_MISSING, "no token"), {}),
    Reason.TOKEN_MALFORMED: (CatalogError(Reason.TOKEN_MALFORMED, "no JWT"), {}),
    Reason.TOKEN_EXPIRED: (CatalogError(Reason.TOKEN_EXPIRED, "expired"), {}),
    Reason.TOKEN_INVALID: (CatalogError(Reason.TOKEN_INVALID, "unknown key"), {}),
    Reason.ACTION_DENIED: (
        CatalogError(Reason.ACTION_DENIED, "ada may not", metadata={"action": "create", "resource": "chart x"}),
        {},
    ),
    Reason.ALREADY_EXISTS: (
        CatalogError(
            Reason.ALREADY_EXISTS,
            "taken",
            resource=CHART,
            metadata={"id": "i", "version": "0.2", "updated_by": "ada", "deleted": "true"},
        ),
        {"ResourceInfo": 'resource_type: "chart"\nresource_name: "superset.sales_by_day"'},
    ),
    Reason.NOT_FOUND: (
        CatalogError(Reason.NOT_FOUND, "none", resource=CHART),
        {"ResourceInfo": "superset.sales_by_day"},
    ),
    Reason.ETAG_MISMATCH: (
        CatalogError(Reason.ETAG_MISMATCH, "another version", metadata={"version": "0.3"}),
        {},
    ),
    Reason.STILL_REFERENCED: (
        CatalogError(
            Reason.STILL_REFERENCED,
            "tag PII.Email is still referenced by a.b",
            resource=("tag", "PII.Email"),
            metadata={"references": "1"},
        ),
        {"PreconditionFailure": 'type: "STILL_REFERENCED"\n  subject: "tag PII.Email"'},
    ),
    Reason.NOT_DELETED: (
        CatalogError(Reason.NOT_DELETED, "is not deleted", resource=CHART),
        {"PreconditionFailure": "chart superset.sales_by_day"},
    ),
    Reason.TOO_MANY_FAILURES: (
        CatalogError(Reason.TOO_MANY_FAILURES, "too many", metadata={"failed": "11"}),
        {"PreconditionFailure": "TOO_MANY_FAILURES"},
    ),
    Reason.SESSION_SUPERSEDED: (
        CatalogError(Reason.SESSION_SUPERSEDED, "another connection", resource=("session", "s-1")),
        {"PreconditionFailure": "session s-1"},
    ),
    Reason.SWEEP_IN_PROGRESS: (
        CatalogError(Reason.SWEEP_IN_PROGRESS, "another sweep", resource=("bi_service", "superset")),
        {"PreconditionFailure": "bi_service superset"},
    ),
    Reason.DUPLICATE_ITEM: (
        CatalogError(
            Reason.DUPLICATE_ITEM,
            "the item at offset 3 is also superset.d",
            metadata={"offset": "3"},
            violations=[Violation("dashboard.name", ViolationReason.INVALID_VALUE, "the item at offset 3 ...")],
        ),
        {"BadRequest": "dashboard.name"},
    ),
    Reason.RESUME_TOKEN_EXPIRED: (CatalogError(Reason.RESUME_TOKEN_EXPIRED, "set back"), {}),
    Reason.TOO_MANY_WATCHERS: (
        CatalogError(
            Reason.TOO_MANY_WATCHERS,
            "full",
            metadata={"limit": "2000"},
            resource=("server", "watchers"),
            retry_after=10.0,
        ),
        {"QuotaFailure": 'subject: "server:watchers"', "RetryInfo": "seconds: 10"},
    ),
    Reason.SESSION_RUNNING: (
        CatalogError(Reason.SESSION_RUNNING, "loading", resource=("session", "s-1")),
        {"PreconditionFailure": "session s-1"},
    ),
    Reason.SESSION_REVERTED: (
        CatalogError(Reason.SESSION_REVERTED, "reverted", resource=("session", "s-1")),
        {"PreconditionFailure": "session s-1"},
    ),
    Reason.OFFSET_GAP: (CatalogError(Reason.OFFSET_GAP, "gap", metadata={"next_offset": "100"}), {}),
    Reason.MESSAGE_TOO_LARGE: (
        CatalogError(
            Reason.MESSAGE_TOO_LARGE, "over 4 MiB", metadata={"limit": "1", "size": "2"}, resource=("item", "b")
        ),
        {"QuotaFailure": 'subject: "item:b"'},
    ),
    Reason.TOO_MANY_CALLS: (
        CatalogError(Reason.TOO_MANY_CALLS, "full", metadata={"limit": "1000"}, retry_after=1.5),
        {"QuotaFailure": "full", "RetryInfo": "seconds: 1\n  nanos: 500000000"},
    ),
    Reason.DATABASE_UNAVAILABLE: (
        CatalogError(Reason.DATABASE_UNAVAILABLE, "away", retry_after=0.25),
        {"RetryInfo": "nanos: 250000000"},
    ),
    Reason.CONFLICTING_WRITE: (CatalogError(Reason.CONFLICTING_WRITE, "lost"), {"RetryInfo": "seconds: 1"}),
    Reason.DATABASE_REFUSED: (
        CatalogError(Reason.DATABASE_REFUSED, "refused", resource=CHART),
        {"PreconditionFailure": "chart superset.sales_by_day"},
    ),
    Reason.DRAINING: (CatalogError(Reason.DRAINING, "stopping"), {"RetryInfo": "seconds: 1"}),
    Reason.CLIENT_IDLE: (CatalogError(Reason.CLIENT_IDLE, "idle"), {"RetryInfo": "seconds: 1"}),
    Reason.UNKNOWN_METHOD: (CatalogError(Reason.UNKNOWN_METHOD, "none", metadata={"method": "/x/Y"}), {}),
    Reason.BUG: (CatalogError(Reason.BUG, "a mistake"), {}),
}


def test_there_is_a_case_for_every_reason_in_the_contract() -> None:
    reasons = {value.name.removeprefix("ERROR_REASON_") for value in error_reason_pb2.ErrorReason.DESCRIPTOR.values}
    assert reasons - {"UNSPECIFIED"} == {reason.value for reason in Reason} == {case.value for case in CASES}


@pytest.mark.parametrize("reason", Reason)
async def test_a_caller_gets_the_code_and_the_details_of_a_reason(edge: ServedEdge, reason: Reason) -> None:
    error, wanted = CASES[reason]

    async def get(_request: Any, _context: Any) -> Any:
        raise error

    edge.servicer.get = get
    code, details = await refused(edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata))
    assert code is grpc.StatusCode[CODE_OF[reason].value]
    assert details.keys() == {"ErrorInfo", "RequestInfo", *wanted}
    assert details["ErrorInfo"].reason == reason.value
    given_metadata = {**error.metadata, **({"violations": "1"} if "BadRequest" in wanted else {})}
    assert dict(details["ErrorInfo"].metadata) == given_metadata
    for name, text in wanted.items():
        assert text in str(details[name])


def test_violations_that_fit_are_listed_and_all_are_counted() -> None:
    violations = [
        Violation(f"dashboard.charts[{n}]", ViolationReason.UNKNOWN_REFERENCE, f"no chart superset.{n}")
        for n in range(2_000)
    ]
    status = status_of(invalid(violations), "call")
    details = details_of(status)
    listed = details["BadRequest"].field_violations
    assert 3_900 < status.ByteSize() <= MAX_STATUS_BYTES
    assert details["ErrorInfo"].metadata["violations"] == "2000"
    assert [v.field for v in listed] == [v.field for v in violations[: len(listed)]]
    assert len(listed) > 40


async def test_the_largest_status_arrives(edge: ServedEdge) -> None:
    async def get(_request: Any, _context: Any) -> Any:
        # Percent-encoding in the trailers makes it three times as long.
        raise CatalogError(
            Reason.INVALID_REQUEST,
            "ü" * 10_000,
            metadata={str(n): "ü" * 1_000 for n in range(10)},
            violations=[Violation("f" * 1_000, ViolationReason.REQUIRED, "ü" * 1_000)] * 1_000,
        )

    edge.servicer.get = get
    code, details = await refused(edge.stub.GetDashboard(SOMETHING, metadata=edge.metadata))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details["ErrorInfo"].metadata["violations"] == "1000"


def test_a_violation_has_all_its_parts() -> None:
    (listed,) = details_of(status_of(invalid([MISSING]), "call"))["BadRequest"].field_violations
    assert (listed.field, listed.reason, listed.description) == (
        "dashboard.charts[2]",
        "UNKNOWN_REFERENCE",
        "no chart superset.x",
    )


def test_several_preconditions_are_all_listed() -> None:
    refers = [Violation(f"dashboard a.{n}", ViolationReason.IMMUTABLE, "bears the tag") for n in range(3)]
    error = CatalogError(Reason.STILL_REFERENCED, "referred to", violations=refers)
    failure = details_of(status_of(error, "call"))["PreconditionFailure"]
    assert [v.subject for v in failure.violations] == ["dashboard a.0", "dashboard a.1", "dashboard a.2"]


def test_a_long_name_that_fits_is_not_cut() -> None:
    error = CatalogError(Reason.NOT_FOUND, "none", resource=("dashboard", "n" * 2_400))
    assert details_of(status_of(error, "call"))["ResourceInfo"].resource_name == "n" * 2_400


def test_a_text_that_is_cut_says_so() -> None:
    status = status_of(CatalogError(Reason.NOT_FOUND, "ü" * 600), "call")
    assert status.message == "ü" * 254 + "…"


texts = st.text(st.characters(codec=None), max_size=6_000)
short = st.text(st.characters(codec=None), max_size=80)
violations = st.builds(Violation, texts, st.sampled_from(ViolationReason), texts)


@given(
    reason=st.sampled_from(Reason),
    message=texts,
    metadata=st.dictionaries(short, texts, max_size=12),
    violations=st.lists(violations, max_size=30),
    resource=st.none() | st.tuples(short, texts),
    retry_after=st.none() | st.floats(0, 1e6),
    call_id=short,
)
def test_no_status_is_too_large_for_trailers(
    *,
    reason: Reason,
    message: str,
    metadata: dict[str, str],
    violations: list[Violation],
    resource: tuple[str, str] | None,
    retry_after: float | None,
    call_id: str,
) -> None:
    error = CatalogError(
        reason,
        message,
        metadata=metadata,
        violations=violations,
        resource=resource,
        retry_after=retry_after,
    )
    status = status_of(error, call_id)
    assert status.ByteSize() <= MAX_STATUS_BYTES
    details = details_of(status)
    assert {"ErrorInfo", "RequestInfo"} <= details.keys()
    if error.code is Code.INVALID_ARGUMENT and violations:
        assert details["ErrorInfo"].metadata["violations"] == str(len(violations))
        assert details["BadRequest"].field_violations
