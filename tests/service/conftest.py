"""A whole server on a real port, over each database, and callers of every role."""

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
    """May do everything; an edit is what they write."""
    return service.caller("admin", "admin")


@pytest.fixture
def steward(service: Service) -> Caller:
    """Edits assets."""
    return service.caller("stella", "data_steward")


@pytest.fixture
def bot(service: Service) -> Caller:
    """Ingests."""
    return service.caller("loader", "ingestion_bot")


@pytest.fixture
async def superset(admin: Caller) -> Caller:
    """The admin, in a catalog that has the BI service `superset`, charts c1 to c3 and what assets can refer to."""
    await admin.add_small_catalog()
    return admin
