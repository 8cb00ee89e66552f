"""Bodies and queries that are small to send and large to keep, or slow to read."""

import json
from typing import Any

import pytest

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.dialect.strict_json import MAX_KEYS, MAX_STRUCTURES, parsed
from dashboard_catalog.http.search.search_text import search_text
from tests.http.conftest import Connect

UNKNOWN = "01a20df5-0415-7081-bb64-000000000001"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"[" + b"{}," * MAX_STRUCTURES + b"1]", "has more than 100,000 objects and lists"),
        (b'["{\\"",' + b"[]," * MAX_STRUCTURES + b"1]", "has more than 100,000 objects and lists"),
        (b"{" + b",".join(b'"%d":1' % key for key in range(MAX_KEYS + 1)) + b"}", "more than 10,000 keys"),
    ],
)
def test_a_body_cannot_grow_in_memory(body: bytes, text: str) -> None:
    with pytest.raises(CatalogError, match=text) as refused:
        parsed(body)
    assert refused.value.reason is Reason.MALFORMED_REQUEST


def test_brackets_in_strings_do_not_count() -> None:
    text = '{"[' * MAX_STRUCTURES
    escaped = text.replace('"', '\\"')
    assert parsed(f'["{escaped}"]'.encode()) == [text]


def test_texts_that_patterns_would_read_for_minutes_are_refused_at_once() -> None:
    blanks = " " * 60_000
    assert search_text(f'email:{blanks}"a"b', "").email is None
    query = {"query": {"query_string": {"query": f"{blanks}AND", "fields": ["name"]}}}
    with pytest.raises(CatalogError, match="query_filter"):
        search_text("", json.dumps(query))


@pytest.mark.usefixtures("superset")
async def test_what_is_too_long_or_no_reference_is_refused_at_once(connect: Connect) -> None:
    dashboard = {"name": "d", "service": "superset"}
    lists: dict[str, Any] = {
        "charts": [1] * 2_001,
        "tags": [{}] * 2_001,
        "owners": ["x"] * 2_001,
        "domains": ["x"] * 2_001,
    }
    references = [{"id": UNKNOWN, "type": "user"}] * 101
    async with connect("admin", "admin") as client:
        for field, value in lists.items():
            answer = await client.put("/api/v1/dashboards", json={**dashboard, field: value})
            assert (answer.status_code, field in answer.json()["message"]) == (400, True)
            assert "at most 2000 elements, has 2001" in answer.json()["message"]
        answer = await client.put("/api/v1/dashboards", json={**dashboard, "extension": {"a": [1] * 100_000}})
        assert "compact JSON" in answer.json()["message"]
        domains = [{"password": "s3cret"}, {"password": "other"}]
        answer = await client.put("/api/v1/dashboards", json={**dashboard, "domains": domains})
        assert (answer.status_code, "s3cret" in answer.text) == (400, False)
        answer = await client.put("/api/v1/teams", json={"name": "t", "parents": [UNKNOWN] * 101})
        assert "at most 100 elements, has 101" in answer.json()["message"]
        assert (await client.put("/api/v1/dashboards", json=dashboard)).status_code == 201
        patch = [{"op": "add", "path": "/owners", "value": references}]
        answer = await client.patch("/api/v1/dashboards/name/superset.d", json=patch)
        assert "at most 100 elements, has 101" in answer.json()["message"]
