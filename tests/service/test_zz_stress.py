import asyncio, collections, grpc
from tests.service.caller import Refused, Service
from tests.service.assets import on_one_database
from tests.service.test_authentication import called, METHODS

@on_one_database
async def test_x(service: Service) -> None:
    seen = collections.Counter()
    async def one(ch, path):
        try:
            await called(ch, path, None)
        except grpc.aio.AioRpcError as e:
            r = Refused(e)
            seen[(path.split("/")[-1] if METHODS[path] else "unary", r.code, r.message[:60], "ErrorInfo" in r.details)] += 1
    for _ in range(15):
        async with grpc.aio.insecure_channel(service.address) as ch:
            await asyncio.gather(*(one(ch, p) for p in list(METHODS)*16))
            await asyncio.gather(*(one(ch, "/dashboards.v1.DashboardService/BulkUpsert") for p in range(100)))
    for k, v in seen.items(): print(k, v)
