"""The lines of calls, as programs read them."""

import io
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from dashboard_catalog import logs
from dashboard_catalog.calls.access_log import AccessLog


@pytest.mark.usefixtures("log_as_before")
async def test_each_line_says_when_its_call_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream=stream)
    log, ends = (
        AccessLog(),
        [1_800_000_000_000_000, 1_800_000_000_999_999, 1_800_000_001_000_001, 1_800_086_400_500_000],
    )
    for end in ends:
        monkeypatch.setattr(time, "time_ns", lambda end=end: end * 1_000)
        log.add(quiet=False, code="OK")
    log.add(quiet=True, code="OK")
    log.flush()
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["timestamp"][-8:] for line in written] == [".000000Z", ".999999Z", ".000001Z", ".500000Z"]
    for line, end in zip(written, ends, strict=True):
        assert datetime.fromisoformat(line["timestamp"]) - datetime.fromtimestamp(0, UTC) == timedelta(microseconds=end)
        assert (line["event"], line["level"], line["code"]) == ("call", "info", "OK")
