"""Sets up the log: one line an event on standard error, for people or for programs.

Standard output belongs to the commands. Other libraries' logs take the same form. Tracebacks never show the
values of variables, since some hold tokens.
"""

import logging
import sys
from collections.abc import Sequence
from typing import TextIO

import structlog
from structlog.typing import Processor


def configure(level: str, style: str, *, context: Sequence[Processor] = (), stream: TextIO | None = None) -> None:
    """Sets up structlog and standard logging for the whole process.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        style: `console`, `json`, or `auto`: console on a terminal.
        context: Processors that add to a line what it is about.
        stream: Where to; standard error by default.
    """
    stream = stream or sys.stderr
    colors = stream.isatty()
    as_json = style == "json" or (style == "auto" and not colors)
    shared = [*context, *_processors(as_json)]
    renderer = structlog.processors.JSONRenderer() if as_json else _console(colors)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        # Not cached, so that it can be set up anew; what logs much binds its logger itself.
        cache_logger_on_first_use=False,
    )
    _configure_standard_logging(level, stream, shared, renderer)


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
    """Sends what libraries log the same way, from warnings up; more of it at `debug`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    lowest = {"debug": logging.INFO, "error": logging.ERROR}.get(level, logging.WARNING)
    logging.basicConfig(handlers=[handler], level=lowest, force=True)
