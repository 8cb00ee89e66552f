"""A catalog to be searched, on a server of its own with the indexer in the same process."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format

from dashboard_catalog.catalog.indexing.indexer import Indexer
from dashboard_catalog.index.folders import IndexFolder
from dashboard_catalog.settings import Settings
from dashboard_catalog.store.database import Database
from dashboardcatalog.v1 import search_pb2
from tests.patience import PATIENCE
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.servers import running

ENTITIES: list[Json] = [
    {"biService": {"name": "superset", "serviceType": "Superset", "displayName": "Superset Production"}},
    {"biService": {"name": "looker", "serviceType": "Looker"}},
    {"user": {"name": "ann", "displayName": "Ann Lee"}},
    {"user": {"name": "bob.b"}},
    {"team": {"name": "sales"}},
    {"domain": {"name": "finance"}},
    {"domain": {"name": "tax", "parent": "finance"}},
    {"classification": {"name": "PII"}},
    {"tag": {"name": "Sensitive", "classification": "PII", "displayName": "Handle with care"}},
    {"tag": {"name": "Email", "classification": "PII", "parent": "PII.Sensitive"}},
    {"customProperty": {"name": "costCentre", "appliesTo": "dashboard", "propertyType": "string"}},
    {"customProperty": {"name": "notes", "appliesTo": "dashboard", "propertyType": "markdown"}},
]
CHARTS: list[Json] = [
    {"name": "c1", "service": "superset", "displayName": "Weekly pipeline", "chartType": "Bar"},
    {"name": "c2", "service": "superset", "displayName": "Churn", "chartType": "Line", "description": "Who left"},
    {"name": "c3", "service": "looker", "displayName": "Looker secret chart", "chartType": "Bar"},
]
DASHBOARDS: list[Json] = [
    {
        "name": "revenue",
        "service": "superset",
        "displayName": "Revenue",
        "description": "Revenue by region and month",
        "owners": [{"type": "user", "name": "ann"}],
        "domain": "finance",
        "tags": [{"tagFQN": "PII.Sensitive"}],
        "project": "emea",
    },
    {
        "name": "salesByRegion_v2",
        "service": "superset",
        "description": "What the regions sell. Café figures, month by month.",
        "owners": [{"type": "team", "name": "sales"}],
        "domain": "finance.tax",
        "charts": ["superset.c1", "looker.c3"],
        "project": "emea",
        "dashboardType": "Report",
    },
    {
        "name": "Revenue by region",
        "service": "looker",
        "description": "Draft of a report",
        "owners": [{"type": "user", "name": "ann"}],
        "tags": [{"tagFQN": "PII.Email"}],
    },
    {"name": "売上ダッシュボード", "service": "looker", "description": "東京の売上 2024"},
    {
        "name": "ops",
        "service": "superset",
        "displayName": "Operations",
        "description": "x " * 150 + "the revenue target is here " + "y " * 150,
        "extension": {"costCentre": "CC-77 Zürich", "notes": "revenue is king"},
    },
]


class Searcher:
    """Searches as one caller."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    async def search(self, query: str = "", after: str = "", **request: Any) -> Json:
        """Returns the response in JSON form."""
        message = json_format.ParseDict({"query": query, **request}, search_pb2.SearchRequest())
        metadata = [*self.caller.metadata, *([("catalog-after", after)] if after else [])]
        try:
            answer = await self.caller._stubs["Entit"].Search(message, metadata=metadata, timeout=PATIENCE)
        except grpc.aio.AioRpcError as error:
            raise Refused(error) from None
        return json_format.MessageToDict(answer)

    async def names(self, query: str = "", **request: Any) -> list[str]:
        """Returns the names of the results, in their order."""
        return names(await self.search(query, **request))

    async def dashboards(self, query: str = "", **request: Any) -> list[str]:
        """Returns the names of the dashboards that are found, in their order."""
        return await self.names(query, kinds=["KIND_DASHBOARD"], **request)


def names(answer: Json) -> list[str]:
    """Returns the names of the results of a response, in their order."""
    return [resource_of(result)["name"] for result in answer.get("results", [])]


def resource_of(result: Json) -> Json:
    """Returns what a result is."""
    found: Json = result.get("dashboard") or result.get("chart") or next(iter(result["entity"].values()))
    return found


def snippets(result: Json) -> dict[str, list[str]]:
    """Returns the parts of each field that are shown to match."""
    return {
        each["field"]: [each["text"][part.get("start", 0) : part["end"]] for part in each.get("ranges", ())]
        for each in result.get("snippets", ())
    }


@asynccontextmanager
async def searchable(database_url: str, folder: Path) -> AsyncIterator[Service]:
    """Runs a server whose catalog is indexed, until the end of the block."""
    settings = Settings.load({"database_url": database_url, "data_dir": folder})
    database = Database(database_url, pool_size=1)
    async with running(database_url, folder) as (_, service):
        indexing = asyncio.create_task(Indexer(database, IndexFolder(settings.search_index_dir)).run())
        try:
            yield service
        finally:
            indexing.cancel()
            await asyncio.gather(indexing, return_exceptions=True)
            await database.close()


async def fill(admin: Caller, dashboards: Iterable[Json] = DASHBOARDS, charts: Sequence[Json] = CHARTS) -> None:
    """Adds a catalog."""
    added = await admin.bulk(
        [{"entity": entity} for entity in ENTITIES],
        [{"chart": chart} for chart in charts],
        [{"dashboard": dashboard} for dashboard in dashboards],
    )
    assert not added.failures, added.failures


async def until_indexed(searcher: Searcher) -> None:
    """Waits until a search finds everything that was written before."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await searcher.search()
            if not answer.get("building") and answer.get("lag", "0s") in ("0s", "0.0s"):
                return
            await asyncio.sleep(0.05)
