"""A short run of the fuzzing of HTTP; `make fuzz` runs it for longer."""

from pathlib import Path

import pytest

from dashboard_catalog.auth.signing_key import load_or_create_key
from tests.fuzz.callers import metadata_of_callers
from tests.fuzz.http_calls import HttpFuzz
from tests.service.servers import running

REQUESTS = 300


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_request_is_answered_by_a_bug_or_without_json(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running(database_url, folder, http_address="127.0.0.1:0") as (server, service):
        await service.caller("admin", "admin").add_small_catalog()
        assert server.http
        fuzz = HttpFuzz(server.http.address, metadata_of_callers(load_or_create_key(folder)), seed=1)
        await fuzz.run(0, REQUESTS)

    assert not fuzz.report.failures, "\n".join(fuzz.report.failures.values())
    statuses = {status for statuses in fuzz.report.codes.values() for status in statuses}
    assert statuses >= {"200", "201", "400", "401", "404", "405"}
