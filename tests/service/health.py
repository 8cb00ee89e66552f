"""Waits for the health of a server, as load balancers see it."""

import asyncio
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest

from tests.patience import PATIENCE
from tests.service.caller import Service


async def status_becomes(service: Service, status: int) -> None:
    """Waits until the health of the server has this status."""
    async with grpc.aio.insecure_channel(service.address) as channel, asyncio.timeout(PATIENCE):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(HealthCheckRequest())
        async for response in watch:
            if response.status == status:
                break
        watch.cancel()
