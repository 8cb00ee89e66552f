"""A Python client of the catalog for jobs and services: channels with safe retries, and loads that resume on their own.

    async with connect_async("catalog.example:443", token=token, credentials=grpc.ssl_channel_credentials()) as catalog:
        load = catalog.bulk_upsert(items, service="superset")
        async for failure in load:
            print(failure.fqn, failure.status.message)
        print(load.summary)

Unary calls go through the generated stubs, on `catalog.channel`. Knows the contract, not the server.
"""

from dashboard_catalog_client.blocking import SyncLoad
from dashboard_catalog_client.bulk import BulkLoad, ItemFailure
from dashboard_catalog_client.catalog import AsyncCatalogClient, CatalogClient, connect, connect_async
from dashboard_catalog_client.channel import SERVICE_CONFIG, Token, UnsafeTarget
from dashboard_catalog_client.chunks import Item, item_of
from dashboard_catalog_client.options import LoadOptions
from dashboard_catalog_client.status import reason_of, status_of

__all__ = [
    "SERVICE_CONFIG",
    "AsyncCatalogClient",
    "BulkLoad",
    "CatalogClient",
    "Item",
    "ItemFailure",
    "LoadOptions",
    "SyncLoad",
    "Token",
    "UnsafeTarget",
    "connect",
    "connect_async",
    "item_of",
    "reason_of",
    "status_of",
]
