"""A client that knows two servers of one catalog goes on with one when the other is gone."""

from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboard_catalog.settings import Settings
from dashboard_catalog_client import connect_async
from dashboardcatalog.v1.catalog_service_pb2 import UpsertEntityRequest
from dashboardcatalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.entity_pb2 import BiService, Entity
from tests.client.conftest import Restarting
from tests.patience import PATIENCE


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("impatient")
async def test_calls_and_loads_go_on_with_the_server_that_is_left(database_url: str, tmp_path: Path) -> None:
    given = {"address": "127.0.0.1:0", "database_url": database_url, "data_dir": tmp_path / "data"}
    servers = [Restarting(Settings.load(given)) for _ in range(2)]
    for server in servers:
        await server.start()
    token = issue_token(load_or_create_key(tmp_path / "data"), "admin", ("admin",))
    async with connect_async(",".join(server.address for server in servers), token=token) as catalog:
        service = Entity(bi_service=BiService(name="superset", service_type="Superset"))

        async def use(number: int) -> int:
            stub: Any = CatalogServiceStub(catalog.channel)
            await stub.UpsertEntity(UpsertEntityRequest(entity=service), metadata=catalog.metadata, timeout=PATIENCE)
            load = catalog.bulk_upsert([DashboardSpec(name=f"d{number}", service="superset")])
            assert [failure async for failure in load] == []
            assert load.summary is not None
            return load.summary.created

        assert await use(1) == 1
        await servers[0].stop()
        assert await use(2) == 1
        # The first one is back, and the other one gone.
        await servers[0].start()
        await servers[1].stop()
        assert await use(3) == 1
    await servers[0].stop()
