"""When a load goes on after its connection has ended: which ends count as a cut, and how long it is tried."""

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from dashboard_catalog_client import retries
from dashboard_catalog_client.retries import Retries, is_cut

Code = grpc.StatusCode


def error(code: grpc.StatusCode, reason: str = "") -> grpc.aio.AioRpcError:
    """Returns an error; with a reason, as the catalog gives it."""
    trailing = grpc.aio.Metadata()
    if reason:
        status = status_pb2.Status(code=code.value[0])
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="dashboardcatalog.v1"))
        trailing = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, "words")


@pytest.mark.parametrize("reason", ["", "DRAINING"])
def test_unavailable_is_tried_again(reason: str) -> None:
    assert is_cut(error(Code.UNAVAILABLE, reason))


@pytest.mark.parametrize("code", [Code.CANCELLED, Code.INTERNAL, Code.UNKNOWN, Code.DEADLINE_EXCEEDED])
def test_what_the_catalog_has_not_said_is_a_cut(code: grpc.StatusCode) -> None:
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
def test_what_would_be_answered_again_is_not(code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        Retries(300, can_renew=True).delay(error(code))


def test_waiting_grows_with_jitter_and_begins_anew_when_the_load_gets_on() -> None:
    patience = Retries(300, can_renew=False)
    delays = [patience.delay(error(Code.UNAVAILABLE)) for _ in range(12)]
    for attempt, delay in enumerate(delays):
        most = min(retries._MAX_BACKOFF_SECONDS, retries._FIRST_BACKOFF_SECONDS * 2**attempt)
        assert most / 2 <= delay <= most
    assert not patience.is_first
    patience.got_on()
    assert patience.delay(error(Code.UNAVAILABLE)) <= retries._FIRST_BACKOFF_SECONDS
    assert patience.is_first


def test_an_expired_token_is_renewed_once_until_the_load_gets_on() -> None:
    expired = error(Code.UNAUTHENTICATED, "TOKEN_EXPIRED")
    patience = Retries(300, can_renew=True)
    assert patience.delay(expired) == 0
    with pytest.raises(grpc.aio.AioRpcError):
        patience.delay(expired)
    patience.got_on()
    assert patience.delay(expired) == 0
    with pytest.raises(grpc.aio.AioRpcError):
        Retries(300, can_renew=False).delay(expired)
