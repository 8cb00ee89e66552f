"""Loads any number of generated dashboards with the client for asyncio, even over a connection that breaks.

    python examples/load.py --token-file .data/admin.token --dashboards 10000

Replace `walk` with a walk through a BI tool; as an async generator, it can wait for the tool.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dashboard_catalog_client import connect_async
from dashboardcatalog.v1.chart_pb2 import ChartSpec
from dashboardcatalog.v1.dashboard_pb2 import DashboardSpec
from dashboardcatalog.v1.entity_pb2 import BiService, Entity

SERVICE = "generated"
CHARTS_EACH = 3


async def walk(dashboards: int) -> AsyncIterator[Any]:
    """Yields the content of the tool. Kinds and BI services may be mixed; each item comes after those it refers to."""
    yield Entity(bi_service=BiService(name=SERVICE, service_type="Superset", source_url="https://superset.example.com"))
    for number in range(dashboards):
        charts = [f"chart {number}.{place}" for place in range(CHARTS_EACH)]
        for name in charts:
            yield ChartSpec(name=name, service=SERVICE, chart_type="Line")
        # A name with a dot is quoted in a fully qualified name.
        references = [f'{SERVICE}."{name}"' for name in charts]
        yield DashboardSpec(name=f"dashboard {number}", service=SERVICE, charts=references, project="Examples")
    yield DashboardSpec(name="broken", service=SERVICE, charts=[f"{SERVICE}.missing"])


async def load(address: str, token: str, dashboards: int) -> int:
    """Loads everything, and returns the number of refused items."""
    async with connect_async(address, token=token) as catalog:
        loading = catalog.bulk_upsert(
            walk(dashboards),
            on_progress=lambda done: print(f"{done:,} items done"),
            on_connection_lost=lambda error: print(f"connection lost, trying again: {error.details()}"),
            service=SERVICE,
        )
        async for failure in loading:
            print(f"{failure.fqn}: {failure.status.message}")
    summary = loading.summary
    if summary is None:
        raise RuntimeError("a load that ends without an error has a summary")
    print(f"{summary.created:,} created, {summary.updated:,} updated, {summary.unchanged:,} unchanged")
    return summary.failed


def main() -> None:
    parser = argparse.ArgumentParser(description="Loads generated dashboards.")
    parser.add_argument("--address", default="127.0.0.1:50051")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--dashboards", type=int, default=1_000)
    chosen = parser.parse_args()
    failed = asyncio.run(load(chosen.address, chosen.token_file.read_text().strip(), chosen.dashboards))
    print(f"{failed:,} refused")


if __name__ == "__main__":
    main()
