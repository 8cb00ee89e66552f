"""Searches over HTTP, as OpenMetadata's clients send them."""

import asyncio
import json
from typing import Any

import pytest

from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect
from tests.patience import PATIENCE
from tests.service.caller import Caller
from tests.service.indexing import indexing


def _by_name(name: str) -> str:
    text = {"query": f"{name} AND isBot:false", "fields": ["name", "displayName"], "default_operator": "AND"}
    return json.dumps({"query": {"query_string": text | {"fuzziness": "AUTO"}}})


async def test_owners_are_found_by_email_and_by_name(connect: Connect, superset: Caller) -> None:
    users = [
        {"name": "zoe", "email": "Zoe+bi@Example.com", "displayName": "Zoë Ash"},
        {"name": "zoe2", "email": "zoe+bi@example.com", "displayName": "Zoë Ashton"},
        {"name": "bot", "displayName": "Loader", "isBot": True},
        {"name": "gone", "email": "zoe+bi@example.com", "displayName": "Zoë Ash"},
    ]
    for user in users:
        await superset.upsert_entity(entity={"user": user})
    await superset.delete_entity(kind="KIND_USER", fully_qualified_name="gone")
    async with connect("ann", "data_consumer") as client:

        async def found(**parameters: Any) -> tuple[int, list[str]]:
            params: dict[str, Any] = {"from": 0, "size": 10, "index": "user_search_index"} | parameters
            answer = await client.get("/api/v1/search/query", params=params)
            assert answer.status_code == 200, answer.text
            hits = answer.json()["hits"]
            for hit in hits["hits"]:
                assert hit.keys() == {"_index", "_id", "_source"}
                path = hit["_index"].replace("_search_index", "s")
                whole = await client.get(f"/api/v1/{path}/{hit['_id']}", params={"fields": "*"})
                assert hit["_source"] == whole.json()
            return hits["total"]["value"], [hit["_source"]["name"] for hit in hits["hits"]]

        # Clients do not encode the plus sign.
        assert await found(q="email.keyword:zoe bi@EXAMPLE.com") == (2, ["zoe", "zoe2"])
        assert await found(q="email.keyword:zoe+bi@example.com", size=1) == (2, ["zoe"])
        assert await found(q='email:"zoe+bi@example.com"', **{"from": 1}) == (2, ["zoe2"])
        assert await found(q="email.keyword:zoe+bi@example.com", index="team_search_index") == (0, [])
        assert await found(q="email.keyword:") == (0, [])
        # A name that is only part of another one would make the wrong owner.
        assert await found(query_filter=_by_name("zoë ash")) == (1, ["zoe"])
        assert await found(query_filter=_by_name("Ash")) == (0, [])
        assert await found(query_filter=_by_name("Loader")) == (0, [])
        assert await found(query_filter=_by_name("SALES"), index="team_search_index") == (1, ["sales"])
        assert await found(q="orders", index="table_search_index") == (0, [])
        by_address = {"q": "email:a@b.c", "index": "user_search_index"}
        by_fqn = {"fieldName": "fullyQualifiedName", "fieldValue": "ann", "index": "user_search_index"}
        for path, wrong, field in (
            ("query", {"query_filter": '{"query":{"bool":{}}}'}, "query_filter"),
            ("query", {"q": "ann", "post_filter": "{}"}, "post_filter"),
            ("query", {**by_address, "deleted": "true"}, "deleted"),
            ("fieldQuery", {**by_fqn, "deleted": "true"}, "deleted"),
        ):
            refused = await client.get(f"/api/v1/search/{path}", params=wrong)
            assert (refused.status_code, field in refused.json()["message"]) == (400, True)
        sent = await client.get("/api/v1/search/fieldQuery", params={**by_fqn, "deleted": "false"})
        assert sent.json()["hits"]["total"]["value"] == 1


@pytest.mark.usefixtures("superset")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_other_texts_are_searches_of_the_catalog(connect: Connect, server: CatalogServer) -> None:
    async with indexing(server.database, server.index.folder), connect("ann", "data_consumer") as client:

        async def found(*, path: str = "query", **parameters: Any) -> tuple[int, list[str]]:
            answer = await client.get(f"/api/v1/search/{path}", params={"index": "chart_search_index"} | parameters)
            assert answer.status_code == 200, answer.text
            hits = answer.json()["hits"]
            return hits["total"]["value"], [hit["_source"]["fullyQualifiedName"] for hit in hits["hits"]]

        async with asyncio.timeout(PATIENCE):
            while (await found(q="*"))[0] < 4:  # noqa: ASYNC110 - the index is not made for tests
                await asyncio.sleep(0.01)
        everything: dict[str, Any] = {"q": "*", "size": 2, "from": 2}
        assert await found(**everything) == (4, ["superset.c2", "superset.c3"])
        assert await found(q="c2") == (1, ["superset.c2"])
        assert await found(q="c2", deleted="true") == (0, [])
        assert await found(q="superset", index="dashboard_service_search_index") == (1, ["superset"])
        answer = await client.get("/api/v1/search/query", params={"q": "c2", "index": "all"})
        (hit,) = answer.json()["hits"]["hits"]
        chart = await client.get(f"/api/v1/charts/{hit['_id']}", params={"fields": "*"})
        assert hit == {"_index": "chart_search_index", "_id": hit["_id"], "_source": chart.json()}

        by_name: dict[str, Any] = {"path": "fieldQuery", "fieldName": "fullyQualifiedName"}
        assert await found(**by_name, fieldValue="superset.c1") == (1, ["superset.c1"])
        assert await found(**by_name, fieldValue="superset.nothing") == (0, [])
        assert await found(**by_name, fieldValue="looker", index="dashboard_service_search_index") == (1, ["looker"])
        assert await found(**by_name, fieldValue="*.*.main.orders", index="table_search_index") == (0, [])
        beginning: dict[str, Any] = {"fieldValue": "superset.c*", "size": 2, "from": 1}
        assert await found(**by_name, **beginning) == (3, ["superset.c2", "superset.c3"])
        assert await found(**by_name, fieldValue="nothing.*") == (0, [])
        for field, value in (("name", "c1"), ("fullyQualifiedName", "*.c1"), ("fullyQualifiedName", "super*")):
            params = {"fieldName": field, "fieldValue": value, "index": "chart_search_index"}
            assert (await client.get("/api/v1/search/fieldQuery", params=params)).status_code == 400
