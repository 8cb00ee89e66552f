"""The lines of calls, as programs read them."""

import io
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from dashboard_catalog import logs
from dashboard_catalog.calls.access_log import AccessLog, CallLine

ENDED = CallLine("1", 0.00125, "S/M", "OK", None, "ada", "ipv4:127.0.0.1:1", quiet=False)
HOSTILE = 'a"duration_ms": 0.0, \\"}\n{"call_id": "\u2028é\0'


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.mark.usefixtures("log_as_before")
async def test_each_line_says_when_its_call_ended(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    logs.configure("info", "json", stream=stream)
    log = AccessLog()
    ends = [1_800_000_000_000_000, 1_800_000_000_999_999, 1_800_000_001_000_001, 1_800_086_400_500_000]
    for end in ends:
        monkeypatch.setattr(time, "time_ns", lambda end=end: end * 1_000)
        log.add(ENDED)
    log.add(ENDED._replace(quiet=True))
    log.flush()
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["timestamp"][-8:] for line in written] == [".000000Z", ".999999Z", ".000001Z", ".500000Z"]
    for line, end in zip(written, ends, strict=True):
        assert datetime.fromisoformat(line["timestamp"]) - datetime.fromtimestamp(0, UTC) == timedelta(microseconds=end)
        assert (line["event"], line["level"], line["code"]) == ("call", "info", "OK")


@pytest.mark.usefixtures("log_as_before")
@pytest.mark.parametrize(
    "line",
    [
        ENDED,
        ENDED._replace(seconds=0.0),
        ENDED._replace(call_id="a/b:c", code="INTERNAL", reason="BUG", subject=None, seconds=123_456.789),
        ENDED._replace(code="UNAVAILABLE", method=HOSTILE, subject=HOSTILE, peer=HOSTILE),
        ENDED._replace(more={"dropped": {HOSTILE: 1}}),
    ],
)
async def test_programs_read_what_people_read(line: CallLine, stream: io.StringIO) -> None:
    logs.configure("info", "json", stream=stream)
    log = AccessLog()
    for _ in range(2):
        log.add(line)
    log.flush()
    with structlog.testing.capture_logs() as captured:
        log.add(line)
        log.flush()
    written = [json.loads(each) for each in stream.getvalue().splitlines()]
    assert captured[0].pop("log_level") == captured[0]["level"]
    for each in [*written, *captured]:
        assert each.pop("timestamp")
    assert written == [captured[0]] * 2
    assert list(written[0]) == list(captured[0])
