"""What is read without a token: whether the server works, which version of OpenMetadata it speaks, and its paths."""

from collections.abc import Callable
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

Problem = Callable[[], str | None]
"""Returns why the server should get no requests, for people; None if it should."""


def system_router(openmetadata_version: str, problem: Problem) -> APIRouter:
    """Returns the routes.

    Args:
        openmetadata_version: The version that clients are told. They compare its first two numbers with their own.
        problem: For probes.
    """
    router = APIRouter(tags=["system"])

    @router.get("/healthz", summary="Says that the process runs")
    async def healthz() -> dict[str, str]:
        return {"status": "running"}

    @router.get("/readyz", summary="Says whether requests can be served")
    async def readyz() -> JSONResponse:
        found = problem()
        status = {"status": "ready"} if found is None else {"code": 503, "message": found}
        return JSONResponse(status, 200 if found is None else 503)

    @router.get("/api/v1/system/version", summary="Returns the version of OpenMetadata's API")
    async def version() -> dict[str, Any]:
        return {"version": openmetadata_version, "revision": "", "timestamp": 0}

    @router.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(_page(request.app.openapi()))

    return router


def _page(schema: dict[str, Any]) -> str:
    """Returns the paths as a page that loads nothing from elsewhere."""
    rows = "\n".join(
        f"<tr><td>{method.upper()}<td><code>{escape(path)}</code><td>{escape(one.get('summary', ''))}"
        for path, methods in schema["paths"].items()
        for method, one in methods.items()
    )
    title = escape(schema["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        "<style>body{font:16px/1.5 sans-serif;margin:2rem}td{padding:.2rem 1rem .2rem 0}</style>"
        f"<h1>{title}</h1><p>{escape(schema['info']['description'])} "
        f"The whole description: <a href=/openapi.json>openapi.json</a>.</p><table>{rows}</table></html>"
    )
