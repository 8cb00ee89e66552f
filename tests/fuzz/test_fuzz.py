"""A short run of the fuzzing; `make fuzz` runs it for longer."""

from pathlib import Path

from google.protobuf import json_format

from dashboard_catalog.auth.signing_key import load_or_create_key
from dashboardcatalog.v1.dashboard_service_pb2 import CreateDashboardRequest
from tests.fuzz.callers import metadata_of_callers
from tests.fuzz.calls import Fuzz
from tests.fuzz.checks import Answer, problem_of
from tests.fuzz.requests import all_rpcs
from tests.fuzz.shrinking import smallest
from tests.service.servers import running

CALLS = 600


async def test_no_request_is_answered_by_a_bug_or_without_details(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running(database_url, folder) as (server, _):
        fuzz = Fuzz(server.address, metadata_of_callers(load_or_create_key(folder)), seed=1)
        await fuzz.run(0, CALLS)

    assert not fuzz.report.failures, "\n".join(fuzz.report.failures.values())
    assert fuzz.report.codes.keys() == {rpc.name for rpc in all_rpcs()}
    assert {code for codes in fuzz.report.codes.values() for code in codes} >= {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}


def test_wrong_answers_are_found() -> None:
    assert problem_of(Answer("OK")) is None
    assert problem_of(Answer("INTERNAL", "internal error")) == "INTERNAL: internal error"
    assert problem_of(Answer("NOT_FOUND", "no")) == "NOT_FOUND without details: no"
    too_large = "SERVER: Received message larger than max (6098222 vs. 5242880)"
    assert problem_of(Answer("RESOURCE_EXHAUSTED", too_large)) is None
    assert problem_of(Answer("NOT_FOUND", too_large)) == f"NOT_FOUND without details: {too_large}"
    assert problem_of(Answer("NOT_FOUND", "no", b"")) == "not one ErrorInfo of the catalog: "


async def test_a_request_that_fails_is_made_smaller() -> None:
    given = {"dashboard": {"name": "d", "service": "s", "tags": [{"tagFQN": "a"}, {"tagFQN": "xxxxxb"}]}}

    async def fails(message: CreateDashboardRequest) -> bool:
        return any("b" in tag.tag_fqn for tag in message.dashboard.tags)

    found = await smallest(json_format.ParseDict(given, CreateDashboardRequest()), fails)
    assert json_format.MessageToDict(found) == {"dashboard": {"tags": [{"tagFQN": "xxxxxb"}]}}
