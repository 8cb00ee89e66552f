"""Answers errors with a status of HTTP and a body that OpenMetadata's clients understand.

The body is `{"code": STATUS, "message": TEXT}`. It never quotes what was sent, which may hold passwords.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi.responses import JSONResponse

from dashboard_catalog.error_codes import Code, Reason
from dashboard_catalog.errors import CatalogError

CALL_ID_HEADER = "x-request-id"

# 429 is not among them: clients of OpenMetadata take it for the limit of a licence, and stop calling for a minute.
_STATUSES: Mapping[Code, int] = MappingProxyType(
    {
        Code.INVALID_ARGUMENT: 400,
        Code.OUT_OF_RANGE: 400,
        Code.UNAUTHENTICATED: 401,
        Code.PERMISSION_DENIED: 403,
        Code.NOT_FOUND: 404,
        Code.UNIMPLEMENTED: 404,
        Code.ALREADY_EXISTS: 409,
        Code.FAILED_PRECONDITION: 409,
        Code.ABORTED: 412,
        Code.RESOURCE_EXHAUSTED: 503,
        Code.INTERNAL: 500,
        Code.UNAVAILABLE: 503,
    }
)
_OF_REASON: Mapping[Reason, int] = MappingProxyType({Reason.MESSAGE_TOO_LARGE: 413, Reason.CLIENT_IDLE: 408})
_RETRY_SECONDS = 1
# The first two leave a part of the body unread. After the third, a new connection leads to a server that goes on.
_CLOSING = frozenset({Reason.MESSAGE_TOO_LARGE, Reason.CLIENT_IDLE, Reason.DRAINING})


def status_of(error: CatalogError) -> int:
    """Returns the status of HTTP that an error has."""
    return _OF_REASON.get(error.reason) or _STATUSES[error.code]


def body_of(error: CatalogError) -> dict[str, Any]:
    """Returns what is answered for an error."""
    return {"code": status_of(error), "message": error.message}


def bug(call_id: str) -> CatalogError:
    """Returns what a caller is told after a bug."""
    return CatalogError(Reason.BUG, f"internal error; the server log has details for call {call_id}")


def wrong_method(allowed: str) -> JSONResponse:
    """Returns the answer to a method that a path does not have; `allowed` names those that it has."""
    return JSONResponse({"code": 405, "message": f"the path has only {allowed}"}, 405, {"Allow": allowed})


def answer_to(error: CatalogError) -> JSONResponse:
    """Returns the answer of a call that ends with an error."""
    status, headers = status_of(error), {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        # Whole seconds, and never 0: clients would come back at once.
        headers["Retry-After"] = str(max(round(error.retry_after or 0), _RETRY_SECONDS))
    if error.reason in _CLOSING:
        headers["Connection"] = "close"
    return JSONResponse(body_of(error), status, headers)
