"""Sets up the log: one line per event on standard error, for people or for programs.

Standard output is for the results of commands. Logs of other libraries have the same format. Tracebacks never show
the values of variables, because some contain tokens.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO, TypeVar

import structlog
from structlog.typing import EventDict, Processor

T = TypeVar("T")

# One encoder for all lines: `json.dumps` would make another one for each.
_encode = json.JSONEncoder(default=repr).encode


def configure(level: str, style: str, *, context: Sequence[Processor] = (), stream: TextIO | None = None) -> None:
    """Sets up structlog and standard logging for the whole process.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        style: `console`, `json`, or `auto` for console on a terminal and json otherwise.
        context: Processors that add context to each line.
        stream: Stream to write to; standard error by default.
    """
    stream = stream or sys.stderr
    colors = stream.isatty()
    json_lines = style == "json" or (style == "auto" and not colors)
    shared = [*context, *_processors(json_lines)]
    renderer = _render_json if json_lines else _console(colors)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        # Not cached, so the log can be set up again. Code that logs often binds its own logger.
        cache_logger_on_first_use=False,
    )
    _configure_standard_logging(level, stream, shared, renderer)


@contextmanager
def silenced() -> Iterator[None]:
    """Keeps the block from logging, for commands that say themselves what has happened."""
    before, disabled = structlog.get_config(), logging.root.manager.disable
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    logging.disable()
    try:
        yield
    finally:
        logging.disable(disabled)
        structlog.configure(**before)


def write_all(lines: Iterable[tuple[int, T]], fields: Callable[[T], EventDict], json_of: Callable[[T], str]) -> None:
    """Writes many lines at once: those whose level is enabled.

    Args:
        lines: Level and content of each line.
        fields: Returns the fields of a line. They are written as they are, so `level` and `timestamp` must be among
            them.
        json_of: Returns what `as_json` would return for these fields, and may cost less.
    """
    is_enabled = structlog.get_logger().bind().is_enabled_for
    enabled = [line for level, line in lines if is_enabled(level)]
    settings = structlog.get_config()
    renderer = settings["processors"][-1]
    rendered = map(json_of, enabled) if renderer is _render_json else _rendered(renderer, map(fields, enabled))
    if text := "\n".join(rendered):
        settings["logger_factory"]().msg(text)


def timestamp(nanoseconds: int) -> str:
    """Returns a time since 1970 as lines show it, for `write_all`."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1_000:06d}Z"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    """Returns the beginning of a timestamp, up to the second: the same for thousands of lines."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _rendered(renderer: Processor, lines: Iterable[EventDict]) -> Iterator[str]:
    for line in lines:
        with suppress(structlog.DropEvent):
            yield str(renderer(None, line["level"], line))


def as_json(line: EventDict) -> str:
    """Returns a line as it is written for programs."""
    return _encode(line)


def _render_json(_logger: object, _level: str, line: EventDict) -> str:
    return _encode(line)


def _processors(json_lines: bool) -> list[Processor]:
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.MaybeTimeStamper(fmt="iso"),
    ]
    # The console renderer formats exceptions itself.
    return [*processors, structlog.processors.format_exc_info] if json_lines else processors


def _console(colors: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def _configure_standard_logging(level: str, stream: TextIO, shared: list[Processor], renderer: Processor) -> None:
    """Routes the logs of libraries to the same stream: warnings and errors, and info at `debug`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    lowest = {"debug": logging.INFO, "error": logging.ERROR}.get(level, logging.WARNING)
    logging.basicConfig(handlers=[handler], level=lowest, force=True)
