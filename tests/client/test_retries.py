"""When and for how long a load retries after its connection has ended."""

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from dashboard_catalog_client import retries
from dashboard_catalog_client.retries import Retries, is_cut

Code = grpc.StatusCode


def error(code: grpc.StatusCode, reason: str = "") -> grpc.aio.AioRpcError:
    """Returns an error; one with a reason looks like an error of the catalog."""
    trailing = grpc.aio.Metadata()
    if reason:
        status = status_pb2.Status(code=code.value[0])
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="dashboardcatalog.v1"))
        trailing = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, "words")


@pytest.mark.parametrize("reason", ["", "DRAINING"])
def test_unavailable_is_retried(reason: str) -> None:
    assert is_cut(error(Code.UNAVAILABLE, reason))


@pytest.mark.parametrize("code", [Code.CANCELLED, Code.INTERNAL, Code.UNKNOWN, Code.DEADLINE_EXCEEDED])
def test_an_error_from_outside_the_catalog_counts_as_a_cut(code: grpc.StatusCode) -> None:
    assert is_cut(error(code))
    assert not is_cut(error(code, "BUG"))


@pytest.mark.parametrize(
    "code",
    [
        Code.INVALID_ARGUMENT,
        Code.UNAUTHENTICATED,
        Code.PERMISSION_DENIED,
        Code.FAILED_PRECONDITION,
        Code.OUT_OF_RANGE,
        Code.RESOURCE_EXHAUSTED,
        Code.UNIMPLEMENTED,
    ],
)
def test_an_error_that_would_repeat_does_not_count_as_a_cut(code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        Retries(300, can_renew=True).delay(error(code))


def test_waiting_times_grow_with_jitter_and_start_over_after_progress() -> None:
    retries_of_load = Retries(300, can_renew=False)
    delays = [retries_of_load.delay(error(Code.UNAVAILABLE)) for _ in range(12)]
    for attempt, delay in enumerate(delays):
        most = min(retries._MAX_BACKOFF_SECONDS, retries._FIRST_BACKOFF_SECONDS * 2**attempt)
        assert most / 2 <= delay <= most
    assert not retries_of_load.is_first
    retries_of_load.reset()
    assert retries_of_load.delay(error(Code.UNAVAILABLE)) <= retries._FIRST_BACKOFF_SECONDS
    assert retries_of_load.is_first


def test_an_expired_token_is_renewed_once_until_there_is_progress() -> None:
    expired = error(Code.UNAUTHENTICATED, "TOKEN_EXPIRED")
    retries_of_load = Retries(300, can_renew=True)
    assert retries_of_load.delay(expired) == 0
    with pytest.raises(grpc.aio.AioRpcError):
        retries_of_load.delay(expired)
    retries_of_load.reset()
    assert retries_of_load.delay(expired) == 0
    with pytest.raises(grpc.aio.AioRpcError):
        Retries(300, can_renew=False).delay(expired)
