"""The service: PUT /v1/dashboards and PUT /v1/dashboards/bulk."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeAlias

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from benchmarks.comparison.references import Refused
from benchmarks.comparison.schemas import BulkResult, DashboardSpec, DashboardView, Failure
from benchmarks.comparison.tokens import ALGORITHM, ROLE
from benchmarks.comparison.upsert import upsert

BULK_ITEMS = 1_000
_CONNECTIONS = 10

router = APIRouter(prefix="/v1/dashboards")


def create_app(database_url: str, public_key: bytes) -> FastAPI:
    """Returns the service, on a database that has its tables; the key, in PEM, verifies tokens."""
    engine = create_async_engine(database_url, pool_size=_CONNECTIONS, max_overflow=_CONNECTIONS)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    key = load_pem_public_key(public_key)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {"sessions": sessions, "key": key}
        await engine.dispose()

    app = FastAPI(title="Dashboards", lifespan=lifespan)
    app.include_router(router)
    app.add_exception_handler(IntegrityError, _on_lost_race)
    return app


async def _sessions(request: Request) -> async_sessionmaker[AsyncSession]:
    sessions: async_sessionmaker[AsyncSession] = request.state.sessions
    return sessions


async def _writer(request: Request, bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    """Returns the caller if they may write."""
    try:
        claims = jwt.decode(bearer.credentials, request.state.key, [ALGORITHM], options={"require": ["sub", "exp"]})
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "the token is not valid") from error
    if ROLE not in claims.get("roles", []):
        raise HTTPException(403, f"this takes the role {ROLE}")
    return str(claims["sub"])


Sessions: TypeAlias = Annotated[async_sessionmaker[AsyncSession], Depends(_sessions)]
Writer: TypeAlias = Annotated[str, Depends(_writer)]


@router.put("")
async def put_dashboard(spec: DashboardSpec, writer: Writer, sessions: Sessions) -> DashboardView:
    """Creates or replaces a dashboard."""
    async with sessions.begin() as session:
        (result,) = await upsert(session, [spec], writer)
    if isinstance(result, Refused):
        raise HTTPException(422, str(result))
    dashboard, _ = result
    return DashboardView.model_validate(dashboard)


@router.put("/bulk")
async def put_dashboards(
    specs: Annotated[list[DashboardSpec], Body(max_length=BULK_ITEMS)], writer: Writer, sessions: Sessions
) -> BulkResult:
    """Creates or replaces all valid dashboards in one transaction."""
    async with sessions.begin() as session:
        results = await upsert(session, specs, writer)
    outcomes: Counter[str] = Counter()
    failed = []
    for index, result in enumerate(results):
        if isinstance(result, Refused):
            failed.append(Failure(index=index, error=str(result)))
        else:
            outcomes[result[1]] += 1
    return BulkResult.model_validate({**outcomes, "failed": failed})


async def _on_lost_race(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "somebody else has just created the same; try again"}, status_code=409)
