"""The spans of requests over HTTP, named and described as OpenTelemetry's conventions for HTTP say.

With one exception: paths and queries are left out, because they have the names of assets and whatever else was sent.
"""

from opentelemetry.trace import Span, Status, StatusCode
from starlette.datastructures import Headers
from starlette.types import Scope

from dashboard_catalog.tracing.spans import CALL_ID, REASON, Spans

_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
# What the conventions call a method that is none.
_OTHER = "_OTHER"


def begin(spans: Spans, scope: Scope, call_id: str) -> Span:
    """Begins the span of a request. Its route is not known yet."""
    method = scope["method"] if scope["method"] in _METHODS else _OTHER
    attributes = {"http.request.method": method, "url.scheme": scope["scheme"], CALL_ID: call_id}
    return spans.of_call(_named(method, None), Headers(scope=scope).items(), attributes)


def end(span: Span, scope: Scope, status: int | None, code: str, reason: str | None) -> None:
    """Ends the span of a request.

    Args:
        span: The span.
        scope: The request, with its route if it has one.
        status: Status of the answer; None if none has left.
        code: Name of the code that the call has ended with.
        reason: Reason of the error, if any.
    """
    method = scope["method"] if scope["method"] in _METHODS else _OTHER
    route = route_of(scope)
    span.update_name(_named(method, route))
    found = {"http.route": route, "http.response.status_code": status, "dashboard_catalog.code": code, REASON: reason}
    span.set_attributes({name: value for name, value in found.items() if value})
    if status is not None and status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def route_of(scope: Scope) -> str | None:
    """Returns the route of a request, such as `/api/v1/dashboards/{id}`; None if its path has none."""
    return getattr(scope.get("route"), "path_format", None)


def _named(method: str, route: str | None) -> str:
    name = "HTTP" if method == _OTHER else method
    return f"{name} {route}" if route else name
