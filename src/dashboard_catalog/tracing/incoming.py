"""The trace of a caller, as it arrives in the W3C's headers `traceparent` and `tracestate`.

Strangers send these, too. What is malformed is ignored without a word in the log.
"""

import re
from collections.abc import Iterable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PARENT, STATE = "traceparent", "tracestate"

# Version 00 takes 55 characters. Later versions may add to it.
_PARENT_CHARACTERS = 128
_STATE_CHARACTERS = 512
_STATE_MEMBERS = 32
# The library logs every other member, and if there are more.
_MEMBER = r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_STATE = re.compile(rf"[ \t]*{_MEMBER}[ \t]*(?:,[ \t]*{_MEMBER}[ \t]*){{0,{_STATE_MEMBERS - 1}}}")

_W3C = TraceContextTextMapPropagator()


def trace_of(headers: Iterable[tuple[str, Any]]) -> Context:
    """Returns a context with the span of the caller; without one if the caller has sent none, or more than one.

    Args:
        headers: Names in lower case, and values: HTTP headers, or metadata of gRPC.
    """
    parents, states = [], []
    for name, value in headers:
        if name == PARENT:
            parents.append(value)
        elif name == STATE:
            states.append(value)
    if len(parents) != 1 or len(parents[0]) > _PARENT_CHARACTERS:
        return Context()
    state = ",".join(states)
    is_usable = len(state) <= _STATE_CHARACTERS and _STATE.fullmatch(state)
    return _W3C.extract({PARENT: parents[0]} | ({STATE: state} if is_usable else {}), Context())
