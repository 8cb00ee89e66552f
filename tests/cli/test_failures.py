"""How the commands print the status of an error."""

import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2

from dashboard_catalog.cli.failures import Failure, failure_of
from dashboard_catalog.sources.problems import Problem


def test_every_violation_is_shown_with_its_field() -> None:
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="dashboard.name: is missing (and 2 more)")
    info = error_details_pb2.ErrorInfo(reason="INVALID_REQUEST", metadata={"violations": "3"})
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="dashboard.name", description="is missing", reason="REQUIRED")
    bad.field_violations.add(field="dashboard.charts[2]", description="no chart s.x", reason="UNKNOWN_REFERENCE")
    for detail in (info, bad, error_details_pb2.RequestInfo(request_id="abc")):
        status.details.add().Pack(detail)
    failure = failure_of(status)
    assert failure == Failure(
        "INVALID_ARGUMENT",
        "dashboard.name: is missing (and 2 more)",
        "INVALID_REQUEST",
        (
            Problem("dashboard.name", "is missing", "REQUIRED"),
            Problem("dashboard.charts[2]", "no chart s.x", "UNKNOWN_REFERENCE"),
        ),
        unnamed=1,
        call_id="abc",
    )
    assert list(failure.lines()) == [
        "dashboard.name: is missing",
        "dashboard.charts[2]: no chart s.x",
        "... and 1 more",
    ]


def test_every_failed_precondition_is_shown_with_its_subject() -> None:
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="it is referred to")
    unmet = error_details_pb2.PreconditionFailure()
    unmet.violations.add(type="REFERENCE", subject="dashboard s.d", description="bears the tag")
    status.details.add().Pack(unmet)
    assert list(failure_of(status).lines()) == ["dashboard s.d: bears the tag"]


def test_a_failed_precondition_that_the_message_describes_is_shown_without_its_subject() -> None:
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="dashboard s.d is not deleted")
    unmet = error_details_pb2.PreconditionFailure()
    unmet.violations.add(type="NOT_DELETED", subject="dashboard s.d", description="dashboard s.d is not deleted")
    status.details.add().Pack(unmet)
    assert list(failure_of(status).lines()) == ["dashboard s.d is not deleted"]


@pytest.mark.parametrize(("code", "name"), [(code_pb2.NOT_FOUND, "NOT_FOUND"), (77, "77")])
def test_without_details_the_message_is_shown(code: int, name: str) -> None:
    failure = failure_of(status_pb2.Status(code=code, message="there is none"))
    assert failure.code == name
    assert list(failure.lines()) == ["there is none"]
