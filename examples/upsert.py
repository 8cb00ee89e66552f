"""Upserts a dashboard, first with a chart that exists, then with another.

Run it in the folder in which `make run` runs.
"""

from pathlib import Path

import grpc
from google.rpc.error_details_pb2 import BadRequest

from dashboard_catalog_client import CatalogClient, connect, status_of
from dashboardcatalog.v1.asset_pb2 import Outcome
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.dashboard_service_pb2 import UpsertDashboardRequest
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub

ADDRESS = Path(".data/address").read_text().strip()
TOKEN = Path(".data/admin.token").read_text().strip()


def upsert(catalog: CatalogClient, chart: str) -> None:
    spec = DashboardSpec(name="churn", service="superset", charts=[chart])
    spec.project = "Growth"
    response = DashboardServiceStub(catalog.channel).UpsertDashboard(
        UpsertDashboardRequest(dashboard=spec),
        metadata=tuple(catalog.metadata),
        timeout=10,
    )
    outcome = Outcome.Name(response.outcome)
    print(f"{outcome}, version {response.dashboard.version}")


def explain(error: grpc.RpcError) -> None:
    status, refused = status_of(error), BadRequest()
    if status is None:
        print(f"No catalog answers at {ADDRESS}. Start one with `make run`.")
        return
    print(f"{error.code().name}: {status.message}")
    for detail in status.details:
        if detail.Unpack(refused):
            for violation in refused.field_violations:
                print(f"  {violation.field}: {violation.reason}")


with connect(ADDRESS, token=TOKEN, patient=False) as client:
    try:
        upsert(client, "superset.retention")
        upsert(client, "superset.nowhere")
    except grpc.RpcError as error:
        explain(error)
