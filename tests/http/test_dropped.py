"""What connectors send and the catalog does not keep is taken, checked for its shape, and named in the log."""

from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect
from tests.service.caller import Caller

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Json = dict[str, Any]

SECRET = "hunter2"
MODEL = {"name": "1", "service": "grafana.local", "dataModelType": "SupersetDataModel", "columns": [{"name": SECRET}]}
END = {"id": str(uuid4()), "type": "dashboard"}
PIPELINE = {
    "name": "run",
    "service": {"id": str(uuid4()), "type": "dashboardService", "name": "superset"},
    "pipelineType": "metadata",
    "sourceConfig": {"config": {"password": SECRET}},
    "airflowConfig": {},
}

SENT: list[tuple[str, str, Any, int, str]] = [
    ("PUT", "dashboard/datamodels", MODEL, 200, "dataModel"),
    ("PUT", "lineage", {"edge": {"fromEntity": END, "toEntity": END}}, 200, "lineage"),
    ("PUT", f"usage/dashboard/{uuid4()}", {"date": "2026-11-01", "count": 3}, 201, "usage"),
    ("PUT", "services/ingestionPipelines", PIPELINE, 200, "ingestionPipeline"),
    ("PUT", "services/ingestionPipelines/superset.run/pipelineStatus", {"runId": SECRET}, 200, "pipelineStatus"),
    ("PUT", "services/ingestionPipelines/a%2Fb.run/pipelineStatus/1", {"runId": SECRET}, 200, "pipelineStatus"),
    ("PUT", "services/ingestionPipelines/progress/superset.run/1", {}, 200, "progress"),
    ("POST", "services/ingestionPipelines/logs/superset.run/1", {"logs": SECRET}, 200, "logs"),
    ("POST", "services/ingestionPipelines/logs/superset.run/1/close", None, 200, "logs"),
]


async def test_it_is_taken_and_named_in_the_log(connect: Connect, server: CatalogServer) -> None:
    async with connect("robot", "ingestion_bot") as client:
        with capture_logs() as logged:
            for method, path, body, status, _ in SENT:
                answer = await client.request(method, f"/api/v1/{path}", json=body)
                assert answer.status_code == status, answer.text
                assert SECRET not in answer.text
            server._access_log.flush()
        lines = [line for line in logged if line["event"] == "call"]
        assert [line["dropped"] for line in lines] == [{name: 1} for *_, name in SENT]
        assert SECRET not in str(logged)

        for method, path, body, _, name in SENT:
            if name in {"dataModel", "lineage", "usage", "ingestionPipeline"}:
                answer = await client.request(method, f"/api/v1/{path}", json=dict.fromkeys(body, 1.5))
                assert answer.status_code == answer.json()["code"] == 400
        broken = await client.put("/api/v1/dashboard/datamodels/bulk", json=[MODEL, {"name": SECRET}, SECRET])
        assert broken.json()["status"] == "partialSuccess"
        assert broken.json()["successRequest"] == [{"request": '"grafana.local".model.1', "status": 200}]
        assert SECRET not in broken.text


async def test_it_is_never_there(connect: Connect, superset: Caller) -> None:
    del superset
    absent = ["dashboard/datamodels/name/superset.model.1", f"lineage/getLineageEdge/{uuid4()}/{uuid4()}"]
    absent += ["services/ingestionPipelines/name/superset.run", "lineage/table/name/a.b", "lineage/chart/name/a.b"]
    async with connect("robot", "ingestion_bot") as client:
        for path in absent:
            answer = await client.get(f"/api/v1/{path}")
            assert answer.status_code == answer.json()["code"] == 404
        status = await client.get("/api/v1/services/ingestionPipelines/superset.run/pipelineStatus/1")
        assert (status.status_code, status.content) == (200, b"")
        listed = await client.get("/api/v1/dashboard/datamodels", params={"service": "superset"})
        assert listed.json() == {"data": [], "paging": {"total": 0}}
        stale = {"scopeFqn": "superset", "scopeEntityType": "service", "seenFqns": ["superset.model.1"]}
        swept = await client.request("DELETE", "/api/v1/dashboard/datamodels/deleteStale", json=stale)
        assert (swept.status_code, swept.json()["status"]) == (200, "success")
        definition = await client.get("/api/v1/services/testConnectionDefinitions/name/Mode.testConnectionDefinition")
        assert definition.json() == {"name": "Mode", "steps": []}

        lineage = (await client.get("/api/v1/lineage/chart/name/superset.c1?upstreamDepth=1")).json()
        assert lineage.keys() == {"entity", "nodes", "upstreamEdges", "downstreamEdges"}
        assert lineage["entity"]["fullyQualifiedName"] == "superset.c1"
        assert (await client.get(f"/api/v1/lineage/chart/{lineage['entity']['id']}")).json() == lineage
