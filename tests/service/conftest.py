"""A whole server on a real port, on each database, and callers with every role."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.service.caller import Caller, Service
from tests.service.servers import running


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A running server with an empty catalog."""
    async with running(database_url, tmp_path / "data") as (_, service):
        yield service


@pytest.fixture
def admin(service: Service) -> Caller:
    """An administrator, who may do everything; their writes are edits."""
    return service.caller("admin", "admin")


@pytest.fixture
def steward(service: Service) -> Caller:
    """A data steward, who edits assets."""
    return service.caller("stella", "data_steward")


@pytest.fixture
def bot(service: Service) -> Caller:
    """A bot, which ingests."""
    return service.caller("loader", "ingestion_bot")


@pytest.fixture
async def superset(admin: Caller) -> Caller:
    """The admin, in a catalog with BI service `superset`, charts c1 to c3 and everything that assets can refer to."""
    await admin.add_small_catalog()
    return admin
