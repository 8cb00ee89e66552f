"""The lines of calls, as programs read them."""

import io
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from dashboard_catalog import logs
from dashboard_catalog.calls.access_log import AccessLog, CallLine, _recurring
from dashboard_catalog.metrics.declared import Metrics
from tests.metrics_reading import of_process

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
        ENDED._replace(trace_id="4bf92f3577b34da6a3ce929d0e0e4736"),
        ENDED._replace(trace_id="4bf92f3577b34da6a3ce929d0e0e4736", more={"dropped": {HOSTILE: 1}}),
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


async def test_a_call_with_a_trace_leaves_an_exemplar() -> None:
    metrics = Metrics()
    log = AccessLog(metrics)
    for line in (ENDED, ENDED._replace(call_id="2", trace_id="4bf9"), ENDED._replace(call_id="3", seconds=7.0)):
        log.add(line._replace(door="grpc", counts_as="S/M"))
    found = of_process(metrics)
    assert found.of("call_duration_seconds_count", door="grpc", method="S/M", code="OK") == 3
    exemplars = [one.exemplar for one in found.named("call_duration_seconds_bucket") if one.exemplar]
    assert [dict(one.labels) for one in exemplars] == [{"trace_id": "4bf9", "call_id": "2"}]


@pytest.mark.parametrize(
    ("metric", "reasons"),
    [
        ("calls_refused_total", ["TOO_MANY_CALLS", "TOO_MANY_WATCHERS", "DRAINING"]),
        (
            "authentication_failures_total",
            ["TOKEN_MISSING", "TOKEN_MALFORMED", "TOKEN_EXPIRED", "TOKEN_INVALID"],
        ),
    ],
)
async def test_refusals_and_wrong_tokens_are_counted_by_reason(metric: str, reasons: list[str]) -> None:
    metrics = Metrics()
    log = AccessLog(metrics)
    for reason in [*reasons, "NOT_FOUND"]:
        log.add(ENDED._replace(reason=reason))
    counted = {one.labels["reason"]: one.value for one in of_process(metrics).named(metric)}
    assert counted == dict.fromkeys(reasons, 1)


async def test_a_method_that_nobody_has_vouched_for_is_unknown_to_metrics() -> None:
    metrics = Metrics()
    AccessLog(metrics).add(ENDED._replace(method=HOSTILE, subject=HOSTILE))
    assert of_process(metrics).label("method") == {"unknown"}


@pytest.mark.usefixtures("log_as_before")
async def test_traces_do_not_fill_the_memory_for_lines_that_recur(stream: io.StringIO) -> None:
    logs.configure("info", "json", stream=stream)
    log = AccessLog()
    _recurring.cache_clear()
    for number in range(10):
        log.add(ENDED._replace(trace_id=f"{number:032x}"))
    log.flush()
    assert _recurring.cache_info().currsize == 1
    assert [json.loads(line)["trace_id"] for line in stream.getvalue().splitlines()] == [f"{n:032x}" for n in range(10)]
