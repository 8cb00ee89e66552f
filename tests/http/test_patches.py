"""JSON Patch: its operations on a document, and patches of dashboards over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.patching.json_patch import changes_between, patched, read_patch
from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect
from tests.service.caller import Caller

_WRITABLE = frozenset({"description", "owners", "tags", "extension"})
_DOCUMENT = {
    "id": "1",
    "version": 0.1,
    "description": "old",
    "owners": [{"id": "a", "type": "user", "name": "ann"}, {"id": "b", "type": "user", "name": "bob"}],
    "extension": {"a": 1, "list": [1, 2]},
}


def _patched(*operations: Any) -> dict[str, Any]:
    return changes_between(_DOCUMENT, patched(_DOCUMENT, read_patch(list(operations), _WRITABLE).operations), _WRITABLE)


def test_operations_change_what_they_name() -> None:
    assert _patched(
        {"op": "test", "path": "/version", "value": 0.1},
        {"op": "replace", "path": "/version", "value": 0.2},
        {"op": "remove", "path": "/href"},
        {"op": "remove", "path": "/owners/0/name"},
        {"op": "remove", "path": "/owners/0/displayName"},
        {"op": "replace", "path": "/owners/0/id", "value": "c"},
        {"op": "remove", "path": "/owners/1"},
        {"op": "copy", "from": "/id", "path": "/extension/b"},
        {"op": "move", "from": "/description", "path": "/extension/a"},
    ) == {
        "description": None,
        "owners": [{"id": "c", "type": "user"}],
        "extension": {"a": "old", "b": "1", "list": [1, 2]},
    }
    # In JSON, true is not 1.
    assert _patched({"op": "replace", "path": "/extension/a", "value": True}) != {}
    assert _patched({"op": "replace", "path": "/description", "value": "old"}) == {}


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ({"op": "replace", "path": "/serviceType", "value": "x"}, "[0].path: /serviceType cannot be written"),
        ({"op": "replace", "path": "", "value": {}}, "[0].path: the whole document cannot be written"),
        ({"op": "move", "from": "/id", "path": "/description"}, "[0].from: /id cannot be written"),
        ({"op": "append", "path": "/description", "value": "x"}, "[0].op: must be one of add, "),
        ({"op": "add", "path": "/description"}, "[0].value: is required"),
        ({"op": "add", "path": "description", "value": "x"}, "[0].path: must be a JSON Pointer"),
        ({"op": "copy", "path": "/description"}, "[0].from: must be a JSON Pointer"),
        ({"op": "remove", "path": "/tags/0"}, "[0]: cannot remove /tags/0"),
        ({"op": "add", "path": f"/extension/list/{'9' * 5_000}", "value": 1}, "[0]: cannot add /extension/list/999"),
        ({"op": "test", "path": "/description", "value": "s3cret"}, "[0]: the test of /description has failed"),
        ("nonsense", "[0]: must be an object"),
    ],
)
def test_what_cannot_be_done_is_named(operation: Any, text: str) -> None:
    with pytest.raises(CatalogError) as refused:
        _patched(operation)
    assert refused.value.message.startswith(text)
    assert "s3cret" not in refused.value.message


def test_a_patch_cannot_grow_without_end() -> None:
    doubling = {"op": "copy", "from": "/extension/list", "path": "/extension/list/0"}
    nesting = {"op": "copy", "from": "/extension", "path": "/extension/a"}
    with pytest.raises(CatalogError, match="operations"):
        _patched(*[doubling] * 1_001)
    with pytest.raises(CatalogError, match="bytes"):
        _patched(*[doubling] * 50)
    with pytest.raises(CatalogError, match=r"bytes|deep"):
        _patched(*[nesting] * 200)
    deeper = [{"op": "add", "path": "/extension" + "/a" * depth, "value": {"a": 1}} for depth in range(1, 120)]
    with pytest.raises(CatalogError, match="deep"):
        _patched(*deeper)


_PATHS = st.sampled_from(
    ["", "/", "/owners", "/owners/0", "/owners/-", "/owners/0/name", "/owners/01", "/description", "/description/0"]
    + ["/extension", "/extension/list/1", "/extension/a/b", "/tags/-1", "/version", "/~2"]
)
_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "append"]), "path": _PATHS},
            optional={"from": _PATHS, "value": _JSON},
        )
        | _JSON,
        max_size=4,
    )
)
def test_any_patch_gives_a_document_or_a_clear_error(patch: Any) -> None:
    with suppress(CatalogError):
        json.dumps(_patched(*patch))


Patch = Callable[..., Awaitable[Any]]


@pytest.fixture
async def client(superset: Caller, connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    """The admin, in a catalog with dashboard `superset.sales`."""
    body = {"name": "sales", "service": "superset", "charts": ["superset.c1", "superset.c2"], "domain": "finance"}
    await superset.create_dashboard(dashboard=body)
    async with connect("admin", "admin") as client:
        yield client


@pytest.fixture
async def path(client: httpx.AsyncClient) -> str:
    """The path of the dashboard."""
    found = await client.get("/api/v1/dashboards/name/superset.sales")
    return f"/api/v1/dashboards/{found.json()['id']}"


@pytest.fixture
def patch(client: httpx.AsyncClient, path: str) -> Patch:
    """Patches the dashboard, with the expected status, and returns the answer."""

    async def patch(*operations: Any, status: int = 200, match: str = "*") -> Any:
        headers = {"content-type": "application/json-patch+json", "if-match": match}
        answer = await client.patch(path, content=json.dumps(operations), headers=headers)
        assert answer.status_code == status, answer.text
        if status == 200:
            whole = await client.get(path, params={"fields": "*"})
            assert (whole.json(), whole.headers["etag"]) == (answer.json(), answer.headers["etag"])
        else:
            assert answer.json() == {"code": status, "message": answer.json()["message"]}
        return answer.json()

    return patch


async def _id(admin: Caller, kind: str, fqn: str) -> str:
    found = await admin.get_entity(kind=f"KIND_{kind.upper()}", fully_qualified_name=fqn)
    return str(found["entity"][kind]["id"])


async def test_whoever_writes_between_is_not_overwritten(
    client: httpx.AsyncClient, path: str, superset: Caller
) -> None:
    owners = [{"id": await _id(superset, "user", name), "type": "user"} for name in ("ann", "bob")]
    label = {"source": "Classification", "labelType": "Manual", "state": "Confirmed"}
    tags = [{"tagFQN": tag, **label} for tag in ("PII.Email", "PII.Phone")]
    added = [*(("/owners/-", owner) for owner in owners), *(("/tags/-", tag) for tag in tags)]
    patches = [[{"op": "add", "path": place, "value": value}] for place, value in added]
    answers = await asyncio.gather(*(client.patch(path, json=each) for each in patches))
    assert [answer.status_code for answer in answers] == [200] * 4
    whole = (await client.get(path, params={"fields": "owners,tags"})).json()
    assert {owner["name"] for owner in whole["owners"]} == {"ann", "bob"}
    assert whole["tags"] == tags
    # It must be true of the version that the caller has, or not at all.
    etags = ["*", answers[0].headers["etag"]]
    answers = [await client.patch(path, json=[], headers={"if-match": etag}) for etag in etags]
    assert [answer.status_code for answer in answers] == [200, 412]


async def test_what_the_catalog_does_not_keep_does_not_refuse_the_rest(patch: Patch, server: CatalogServer) -> None:
    # Connectors of OpenMetadata 1.x send these beside what has changed at the BI tool.
    model = {"id": "7b0bd9f7-2b1c-4d0c-9f4b-0d4f1f1c4a11", "type": "dashboardDataModel"}
    with capture_logs() as logged:
        changed = await patch(
            {"op": "add", "path": "/dataModels", "value": [model]},
            {"op": "replace", "path": "/dataModels/0/id", "value": model["id"]},
            {"op": "remove", "path": "/lifeCycle"},
            {"op": "move", "from": "/charts", "path": "/dataModels"},
            {"op": "add", "path": "/displayName", "value": "Sales"},
        )
        server._access_log.flush()
    assert (changed["displayName"], changed["charts"]) == ("Sales", [])
    [line] = [line for line in logged if line["event"] == "call" and line["method"].startswith("PATCH")]
    assert line["dropped"] == {"dashboard.dataModels": 3, "dashboard.lifeCycle": 1}
    await patch({"op": "test", "path": "/dataModels", "value": [model]}, status=400)


async def test_references_and_custom_properties_are_patched(patch: Patch, superset: Caller) -> None:
    await patch({"op": "add", "path": "/owners", "value": [{"type": "user", "name": name} for name in ("ann", "bob")]})
    chart = (await superset.get_chart(fully_qualified_name="looker.c1"))["chart"]["id"]
    gone = ("name", "fullyQualifiedName", "displayName", "deleted", "href")
    replaced = await patch(
        *({"op": "remove", "path": f"/owners/0/{key}"} for key in gone),
        {"op": "replace", "path": "/owners/0/id", "value": await _id(superset, "team", "sales")},
        {"op": "replace", "path": "/owners/0/type", "value": "team"},
        {"op": "remove", "path": "/owners/1"},
        # Other clients leave the names that do not belong to it.
        {"op": "replace", "path": "/domains/0/id", "value": await _id(superset, "domain", "finance.tax")},
        {"op": "replace", "path": "/charts/0/id", "value": chart},
    )
    assert [owner["name"] for owner in replaced["owners"]] == ["sales"]
    assert [domain["fullyQualifiedName"] for domain in replaced["domains"]] == ["finance.tax"]
    assert [one["fullyQualifiedName"] for one in replaced["charts"]] == ["looker.c1", "superset.c2"]

    foreign = {"id": "7b0bd9f7-2b1c-4d0c-9f4b-0d4f1f1c4a11"}
    refused = await patch({"op": "add", "path": "/charts/2", "value": foreign | {"type": "chart"}}, status=400)
    assert refused["message"].startswith("charts[2].id: ")
    named = await patch(
        {"op": "replace", "path": "/owners/0", "value": foreign | {"type": "user", "name": "ann"}},
        {"op": "add", "path": "/charts/2", "value": foreign | {"type": "chart", "fullyQualifiedName": "superset.c3"}},
        {"op": "remove", "path": "/charts/1"},
    )
    assert [owner["name"] for owner in named["owners"]] == ["ann"]
    assert [one["fullyQualifiedName"] for one in named["charts"]] == ["looker.c1", "superset.c3"]
    cleared = await patch(*({"op": "remove", "path": f"/{field}"} for field in ("owners", "domains", "charts")))
    assert (cleared["owners"], cleared["domains"], cleared["charts"]) == ([], [], [])

    steps: list[tuple[list[Any], Any]] = [
        ([("add", "/budget", 3), ("add", "/costCentre", "x")], {"budget": 3, "costCentre": "x"}),
        ([("replace", "/budget", 4), ("remove", "/costCentre", None)], {"budget": 4}),
        ([("remove", "", None)], {}),
    ]
    for sent, expected in steps:
        operations = ({"op": verb, "path": f"/extension{place}", "value": value} for verb, place, value in sent)
        assert (await patch(*operations))["extension"] == expected


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_a_patch_answers(client: httpx.AsyncClient, path: str, patch: Patch, connect: Connect) -> None:
    before = (await client.get(path)).headers["etag"]
    rename = {"op": "add", "path": "/displayName", "value": "Sales"}
    await patch(rename, {"op": "replace", "path": "/version", "value": 7}, match=before)
    now = (await client.get(path)).headers["etag"]
    assert now != before
    await patch(rename)
    assert (await client.get(path)).headers["etag"] == now
    await patch(rename, status=412, match=before)
    for place, value in {
        "/name": "x",
        "/owners": "ann",
        "/extension": "s3cret",
        "/extension/unknown": 1,
        "/domains": ["finance", "finance.tax"],
        "/dashboardType": "Sheet",
    }.items():
        answer = await patch({"op": "add", "path": place, "value": value}, status=400)
        assert "s3cret" not in answer["message"]
    assert (await client.get(path)).headers["etag"] == now
    named = await client.patch(
        "/api/v1/dashboards/name/superset.sales", json=[{"op": "remove", "path": "/displayName"}]
    )
    assert (named.status_code, "displayName" in named.json()) == (200, False)
    assert (await client.patch("/api/v1/charts/name/superset.nope", json=[])).status_code == 404
    assert (await client.patch(path, json={})).status_code == 400
    async with connect("eve") as reader:
        assert (await reader.patch(path, json=[rename])).status_code == 403
