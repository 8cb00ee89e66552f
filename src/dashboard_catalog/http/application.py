"""The application behind the edge: its routes, JSON for everything that has none, and the description of both.

Routers of resources are added to it. Each route that needs a caller is a `CatalogRoute`.
"""

from collections.abc import Callable, Coroutine, Iterable
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match

from dashboard_catalog.catalog.properties.extension_rules import field_step
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.http.edge.calls import called_in, name_call
from dashboard_catalog.http.edge.edge import FAILURE
from dashboard_catalog.http.edge.errors import answer_to, bug, wrong_method

_METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
_DESCRIPTION = "The catalog on the paths of OpenMetadata's API, for its connectors and clients."


_ERROR: dict[str, Any] = {
    "description": "An error. `code` is the status.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
            }
        }
    },
}
_SENT: dict[str, dict[str, Any]] = {
    "application/json": {"schema": {"type": "object"}},
    "application/json-patch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
}


class CatalogRoute(APIRoute):
    """A route whose calls need a token, and are named after it. Its handler reads the body, as the limits demand it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        methods = options.get("methods") or ["GET"]
        described: dict[str, Any] = {"security": [{"token": []}]}
        if not {"PUT", "POST", "PATCH"}.isdisjoint(methods):
            kind = "application/json-patch+json" if "PATCH" in methods else "application/json"
            described["requestBody"] = {"required": True, "content": {kind: _SENT[kind]}}
        options["openapi_extra"] = described | (options.get("openapi_extra") or {})
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Returns what serves a request."""
        handle = super().get_route_handler()

        async def serve(request: Request) -> Response:
            name_call(request, f"{request.method} {self.path_format}")
            self.check(request)
            return await handle(request)

        return serve

    def check(self, request: Request) -> None:
        """Refuses a request by its parameters; none here, as OpenMetadata ignores those that it does not have."""


class ListRoute(CatalogRoute):
    """A route of a list. It refuses parameters that it does not have: each could be a filter, and would be ignored."""

    def check(self, request: Request) -> None:
        """Refuses unknown parameters.

        Raises:
            CatalogError: INVALID_ARGUMENT that names the first.
        """
        known = sorted(parameter.alias for parameter in self.dependant.query_params)
        for name in request.query_params:
            if name not in known:
                text = f"is no parameter of this list, which has {', '.join(known)}"
                raise invalid([Violation(field_step(name), ViolationReason.INVALID_VALUE, text)])


def new_application(routers: Iterable[APIRouter]) -> FastAPI:
    """Returns the application with these routes."""
    application = FastAPI(
        title="Dashboard Catalog",
        description=_DESCRIPTION,
        version=version("dashboard-catalog"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            CatalogError: _answer_error,
            HTTPException: _answer_http_error,
            RequestValidationError: _answer_violations,
            # The edge logs it.
            Exception: _answer_bug,
        },
        # It would send paths and queries to whatever collector the environment names.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # In place of the answers that FastAPI describes and the catalog never gives.
        responses={"default": _ERROR},
    )
    for router in routers:
        application.include_router(router)
    describe = application.openapi

    def described() -> dict[str, Any]:
        found = describe()
        schemes = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        found.setdefault("components", {})["securitySchemes"] = schemes
        return found

    # The way that FastAPI documents.
    application.openapi = described  # type: ignore[method-assign]
    return application


async def _answer_error(request: Request, error: Any) -> JSONResponse:
    request.scope[FAILURE] = error
    return answer_to(error)


async def _answer_http_error(request: Request, error: Any) -> JSONResponse:
    """Answers a path or a method that does not exist. The path is not quoted: it can be anything."""
    if error.status_code == 405:
        request.scope[FAILURE] = CatalogError(Reason.UNKNOWN_METHOD, "the path does not have this method")
        return wrong_method(", ".join(_methods_of(request)))
    return await _answer_error(request, CatalogError(Reason.UNKNOWN_METHOD, "there is no such path"))


def _methods_of(request: Request) -> list[str]:
    """Returns the methods that the path of a request has."""

    def has(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)

    found = [method for method in _METHODS if has(method)]
    return ["HEAD", *found] if "GET" in found else found


async def _answer_bug(request: Request, _error: Exception) -> JSONResponse:
    return answer_to(bug(called_in(request)))


async def _answer_violations(request: Request, error: Any) -> JSONResponse:
    """Answers parameters of the wrong type. What was sent is not quoted."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return await _answer_error(request, CatalogError(Reason.INVALID_REQUEST, f"{name}: {first['msg']}"))
