"""The application behind the edge: its routes, and JSON for everything that has none.

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

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.calls import name_call
from dashboard_catalog.http.edge import FAILURE
from dashboard_catalog.http.errors import answer_to

_DESCRIPTION = "The catalog on the paths of OpenMetadata's API, for its connectors and clients."


class CatalogRoute(APIRoute):
    """A route whose calls are named after it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Returns what serves a request."""
        handle = super().get_route_handler()

        async def serve(request: Request) -> Response:
            name_call(request, f"{request.method} {self.path}")
            return await handle(request)

        return serve


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
        },
    )
    for router in routers:
        application.include_router(router)
    return application


async def _answer_error(request: Request, error: Any) -> JSONResponse:
    request.scope[FAILURE] = error
    return answer_to(error)


async def _answer_http_error(request: Request, error: Any) -> JSONResponse:
    """Answers a path or a method that does not exist. The path is not quoted: it can be anything."""
    text = "there is no such path" if error.status_code == 404 else "the path does not have this method"
    return await _answer_error(request, CatalogError(Reason.UNKNOWN_METHOD, text))


async def _answer_violations(request: Request, error: Any) -> JSONResponse:
    """Answers parameters of the wrong type. What was sent is not quoted."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return await _answer_error(request, CatalogError(Reason.INVALID_REQUEST, f"{name}: {first['msg']}"))
