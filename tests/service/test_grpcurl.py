"""The service through grpcurl and reflection: loads a whole catalog from a file, and checks the responses."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.service.caller import Caller, Json, Service

GRPCURL = Path(sys.executable).parent / "grpcurl"

CATALOG: list[list[Json]] = [
    [
        {"entity": {"biService": {"name": "new", "serviceType": "Superset"}}},
        {"entity": {"classification": {"name": "PII"}}},
        {"entity": {"tag": {"name": "Email", "classification": "PII"}}},
    ],
    [{"chart": {"name": f"c{number}", "service": "new", "chartType": "Line"}} for number in range(1_000)],
    [
        {
            "dashboard": {
                "name": f"d{number}",
                "service": "new",
                "displayName": f"Größe {number} 📈",
                "charts": [f"new.c{number}", f"new.c{number + 1}"],
                "tags": [{"tagFQN": "PII.Email"}],
            }
        }
        for number in range(500)
    ],
]


async def _grpcurl(service: Service, method: str, data: str, token: str | None = None) -> tuple[int | None, str]:
    """Returns exit status and output of a call that reads its requests from standard input."""
    header = ["-H", f"authorization: Bearer {token}"] if token else []
    process = await asyncio.create_subprocess_exec(
        GRPCURL, "-plaintext", *header, "-d", "@", service.address, f"dashboardcatalog.v1.{method}",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate(data.encode())
    return process.returncode, output.decode()


def _messages(output: str) -> list[Json]:
    """Returns the JSON values in an output, which follow one another."""
    decoder, found, rest = json.JSONDecoder(), [], output.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def _requests(*chunks: list[Json]) -> str:
    return "\n".join(json.dumps({"items": chunk}) for chunk in chunks)


async def _bulk(service: Service, token: str, *chunks: list[Json]) -> list[Json]:
    status, output = await _grpcurl(service, "DashboardService/BulkUpsert", _requests(*chunks), token)
    assert status == 0, output
    return _messages(output)


async def test_items_on_standard_input_load_a_whole_catalog(service: Service, admin: Caller) -> None:
    token = service.token("admin", "admin")

    first = await _bulk(service, token, *CATALOG)
    again = await _bulk(service, token, *CATALOG)

    assert "started" in first[0]
    assert {key for message in first[1:-1] for key in message} == {"progress"}
    assert first[-2]["progress"]["nextOffset"] == "1503"
    assert {name: int(count) for name, count in first[-1]["summary"].items() if int(count)} == {"created": 1_503}
    assert {name: int(count) for name, count in again[-1]["summary"].items() if int(count)} == {"unchanged": 1_503}
    read = (await admin.get_dashboard(fully_qualified_name="new.d7"))["dashboard"]
    assert (read["displayName"], read["version"]) == ("Größe 7 📈", 0.1)


async def test_one_message_can_hold_all_items_and_failures_have_details(service: Service, superset: Caller) -> None:
    bad = {"dashboard": {"name": "bad", "service": "superset", "charts": ["superset.none"], "domain": "none"}}
    good = {"dashboard": {"name": "good", "service": "superset", "charts": ["superset.c1"]}}

    messages = await _bulk(service, service.token("admin", "admin"), [bad, good])

    (result,) = [result for message in messages for result in message.get("progress", {}).get("results", [])]
    assert (result["kind"], result["fullyQualifiedName"]) == ("KIND_DASHBOARD", "superset.bad")
    assert (result["outcome"], result["status"]["code"]) == ("OUTCOME_FAILED", 3)
    details: dict[str, Any] = {detail["@type"].rpartition(".")[2]: detail for detail in result["status"]["details"]}
    assert [(each["field"], each["reason"]) for each in details["BadRequest"]["fieldViolations"]] == [
        ("dashboard.charts[0]", "UNKNOWN_REFERENCE"),
        ("dashboard.domain", "UNKNOWN_REFERENCE"),
    ]
    assert (messages[-1]["summary"]["created"], messages[-1]["summary"]["failed"]) == ("1", "1")
    assert (await superset.get_dashboard(fully_qualified_name="superset.good"))["dashboard"]["version"] == 0.1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_empty_input_returns_an_empty_summary(service: Service) -> None:
    status, output = await _grpcurl(service, "DashboardService/BulkUpsert", "", service.token("admin", "admin"))

    assert status == 0, output
    started, summary = _messages(output)
    assert started["started"]["limits"]["maxMessageItems"] == 1_000
    assert set(summary) == {"summary"}


@pytest.mark.usefixtures("superset")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_error_that_ends_a_stream_is_printed_with_its_details(service: Service) -> None:
    chunk = [{"chart": {"name": "n", "service": "superset"}}]
    data = json.dumps({"items": chunk}) + json.dumps({"items": chunk, "offset": 7})

    status, output = await _grpcurl(service, "DashboardService/BulkUpsert", data, service.token("admin", "admin"))

    assert status != 0
    assert '"nextOffset": "1"' in output
    assert "Code: OutOfRange" in output
    assert '"reason":"OFFSET_GAP"' in output.replace(" ", "")
    status, output = await _grpcurl(service, "DashboardService/BulkUpsert", data)
    assert "TOKEN_MISSING" in output


@pytest.mark.usefixtures("superset")
async def test_unary_calls_accept_bodies_in_openmetadata_s_form(service: Service) -> None:
    token = service.token("admin", "admin")
    body = {
        "name": "d.1",
        "service": "superset",
        "displayName": "D",
        "dashboardType": "Report",
        "sourceUrl": "https://bi/d/1",
        "charts": ["superset.c1"],
        "owners": [{"type": "user", "name": "ann"}],
        "tags": [{"tagFQN": "PII.Email", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}],
        "extension": {"costCentre": "X1"},
    }
    data = json.dumps({"dashboard": body})

    created = await _grpcurl(service, "DashboardService/CreateDashboard", data, token)
    upserted = await _grpcurl(service, "DashboardService/UpsertDashboard", data, token)

    assert (created[0], upserted[0]) == (0, 0), created[1] + upserted[1]
    answer = json.loads(upserted[1])
    assert (answer["outcome"], answer["dashboard"]["fullyQualifiedName"]) == ("OUTCOME_UNCHANGED", 'superset."d.1"')
