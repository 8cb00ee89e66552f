"""Sets up the log: one line per event on standard error, for people or for programs.

Standard output is for the results of commands. Logs of other libraries have the same format. Tracebacks never show
the values of variables, because some contain tokens.
"""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor

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
    as_json = style == "json" or (style == "auto" and not colors)
    shared = [*context, *_processors(as_json)]
    renderer = _as_json if as_json else _console(colors)
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


def write_all(lines: Iterable[tuple[int, EventDict]]) -> None:
    """Writes many lines at once: those whose level is enabled.

    Args:
        lines: Level and fields of each line. They are written as they are, so `level` and `timestamp` must be among
            them. All lines begin with the same field. No value may be a list of mappings.
    """
    is_enabled = structlog.get_logger().bind().is_enabled_for
    enabled = [line for level, line in lines if is_enabled(level)]
    settings = structlog.get_config()
    if rendered := _rendered(settings["processors"][-1], enabled):
        settings["logger_factory"]().msg(rendered)


def _rendered(renderer: Processor, lines: list[EventDict]) -> str:
    if renderer is _as_json and lines:
        # One call of the encoder costs less than one per line. What is looked for is never found within a value: there,
        # a quote follows a backslash, and no letter follows the quote after a value.
        start = f'{{"{next(iter(lines[0]))}": '
        return _encode(lines)[1:-1].replace(f"}}, {start}", f"}}\n{start}")
    rendered: list[str] = []
    for line in lines:
        with suppress(structlog.DropEvent):
            rendered.append(str(renderer(None, line["level"], line)))
    return "\n".join(rendered)


def _as_json(_logger: object, _level: str, line: EventDict) -> str:
    return _encode(line)


def _processors(as_json: bool) -> list[Processor]:
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.MaybeTimeStamper(fmt="iso"),
    ]
    # The console renderer formats exceptions itself.
    return [*processors, structlog.processors.format_exc_info] if as_json else processors


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
