"""The format of the log, and what it never contains."""

import io
import json
import logging
import warnings
from typing import Any

import pytest
import structlog

from dashboard_catalog import logs

pytestmark = pytest.mark.usefixtures("log_as_before")


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_programs_get_one_json_object_per_line() -> None:
    stream = io.StringIO()
    logs.configure("info", "auto", stream=stream)
    log = structlog.get_logger("a")
    log.debug("unseen")
    log.info("seen", path="x")
    logging.getLogger("lib").info("unseen")
    logging.getLogger("lib").warning("of a library: %s", "y")
    own, library = lines(stream)
    assert (own["event"], own["level"], own["path"]) == ("seen", "info", "x")
    assert own["timestamp"].endswith("Z")
    assert (library["event"], library["level"], library["logger"]) == ("of a library: y", "warning", "lib")


def test_programs_get_many_lines_at_once() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream=stream)
    some = [(logging.DEBUG, "unseen"), (logging.INFO, "a"), (logging.WARNING, "b")]
    logs.write_all(some, lambda _: pytest.fail("they need no fields"), lambda value: logs.as_json({"first": value}))
    assert lines(stream) == [{"first": "a"}, {"first": "b"}]
    logs.write_all(some[:1], lambda _: {}, str)
    assert len(lines(stream)) == 2


def test_people_get_many_lines_as_text() -> None:
    stream = io.StringIO()
    logs.configure("warning", "console", stream=stream)
    some = [(level, f"e{level}") for level in (logging.INFO, logging.WARNING, logging.ERROR)]
    logs.write_all(some, lambda event: {"event": event, "level": "x"}, lambda _: pytest.fail("people read no JSON"))
    first, second = stream.getvalue().splitlines()
    assert ("e30" in first, "e40" in second) == (True, True)


def fail(token: str) -> None:
    raise RuntimeError(f"oops after {len(token)}")


@pytest.mark.parametrize("style", ["json", "console"])
def test_tracebacks_show_no_values(style: str) -> None:
    stream = io.StringIO()
    logs.configure("info", style, stream=stream)
    secret = str(("a", "token"))
    try:
        fail(secret)
    except RuntimeError:
        structlog.get_logger("b").exception("bug")
    assert "RuntimeError: oops after 14" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_people_get_text() -> None:
    stream = io.StringIO()
    logs.configure("info", "console", stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        structlog.get_logger("c").info("serving", address="127.0.0.1:1")
    assert "serving" in stream.getvalue()
    assert "\x1b[" not in stream.getvalue()


def test_context_can_be_added_to_a_log_line() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", context=[lambda _logger, _level, line: {**line, "call_id": "c"}], stream=stream)
    structlog.get_logger("d").info("within")
    assert lines(stream)[0]["call_id"] == "c"


@pytest.mark.parametrize(
    ("level", "seen"),
    [("debug", ["debug", "info", "warning", "error"]), ("warning", ["warning", "error"]), ("error", ["error"])],
)
def test_the_level_decides_which_lines_are_written(level: str, seen: list[str]) -> None:
    stream = io.StringIO()
    logs.configure(level, "json", stream=stream)
    for each in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger("e"), each)("x")
    assert [line["level"] for line in lines(stream)] == seen
