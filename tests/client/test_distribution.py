"""The client can be installed alone into a new environment, with the oldest protobuf, and works there."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.conftest import Restarting

ROOT = Path(__file__).parents[2]
BROUGHT = {
    "dashboard-catalog-client",
    "googleapis-common-protos",
    "grpcio",
    "grpcio-status",
    "protobuf",
    "typing-extensions",
}
PROGRAM = """
import sys

import google.protobuf
import grpc

from dashboard_catalog_client import connect, reason_of
from dashboardcatalog.v1 import dashboard_pb2, dashboard_service_pb2, entity_pb2
from dashboardcatalog.v1.dashboard_service_pb2_grpc import DashboardServiceStub

address, token = sys.argv[1:]
service = entity_pb2.Entity(bi_service=entity_pb2.BiService(name="superset", service_type="Superset"))
spec = dashboard_pb2.DashboardSpec(name="sales", service="superset")
with connect(address, token=token) as catalog:
    load = catalog.bulk_upsert([service, spec])
    failed = list(load)
    stub = DashboardServiceStub(catalog.channel)
    request = dashboard_service_pb2.GetDashboardRequest(fully_qualified_name="superset.sales")
    found = stub.GetDashboard(request, metadata=catalog.metadata).dashboard
    try:
        request.fully_qualified_name = "superset.absent"
        stub.GetDashboard(request, metadata=catalog.metadata)
    except grpc.RpcError as error:
        reason = reason_of(error)
print(google.protobuf.__version__.partition(".")[0], len(failed), load.summary.created, found.name, reason)
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's distribution, built as for a release."""
    folder = tmp_path_factory.mktemp("wheel")
    _pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT / "client"))
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_client_alone_loads_and_reads(wheel: Path, server: Restarting, tmp_path: Path) -> None:
    # All other tests run with protobuf 7.
    python = await asyncio.to_thread(_installed, wheel, "protobuf<7", tmp_path / "environment")

    process = await asyncio.create_subprocess_exec(
        python, "-c", PROGRAM, server.address, server.token, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()

    assert printed.decode().split() == ["6", "0", "2", "sales", "NOT_FOUND"]
    listed = json.loads(_pip(python, "list", "--format", "json"))
    names = {package["name"].lower().replace("_", "-") for package in listed}
    assert names - {"pip", "setuptools"} == BROUGHT


def _installed(wheel: Path, protobuf: str, folder: Path) -> str:
    """Returns the Python of a new environment with the client and its dependencies."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = str(folder / "bin" / "python")
    _pip(python, "install", str(wheel), protobuf)
    return python


def _pip(python: str, *arguments: str) -> str:
    # The constraints of this project's environment pin one protobuf; a user has none.
    environment = {name: value for name, value in os.environ.items() if name not in ("PIP_CONSTRAINT", "PYTHONPATH")}
    quiet = ["--disable-pip-version-check", *(["--quiet"] if arguments[0] != "list" else [])]
    # From outside, because environments without a pip of their own are made in a moment.
    pip = [sys.executable, "-m", "pip", "--python", python]
    done = subprocess.run(
        [*pip, arguments[0], *quiet, *arguments[1:]],
        check=True,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    return done.stdout
