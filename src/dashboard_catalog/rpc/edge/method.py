"""One method behind the edge: what the edge knows about it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import grpc
from google.protobuf.message import Message

from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.metrics.declared import UNKNOWN
from dashboard_catalog.rpc.edge.decoding import Parse
from dashboard_catalog.rpc.edge.watchers import is_watch

# In quotes: generic in its stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Serve: TypeAlias = Callable[[Any, Any], Any]

# A caller can send a name of any length.
_SHOWN_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Attributes:
        name: Full name without the leading slash.
        is_open: Whether everybody may call it at any time.
        parse: Reads a request from its bytes.
        serve: Method of the servicer.
        serialize: Turns a response into bytes; None if there is none.
        requests_stream: Whether it takes a stream.
        responses_stream: Whether it returns one.
        is_unary: Whether it takes one request and returns one response.
        is_watch: Whether its calls are watchers.
        counts_as: Its name for metrics, which all methods share that the server does not have.
    """

    name: str
    is_open: bool
    parse: Parse
    serve: Serve
    serialize: Callable[[Any], bytes] | None
    requests_stream: bool
    responses_stream: bool
    is_unary: bool = False
    is_watch: bool = False
    counts_as: str = UNKNOWN


def method_of(path: str, handler: Handler, open_services: frozenset[str]) -> Method:
    """Returns the method that a servicer has registered under a path."""
    by_kind = {
        (False, False): handler.unary_unary,
        (False, True): handler.unary_stream,
        (True, False): handler.stream_unary,
        (True, True): handler.stream_stream,
    }
    name = path.removeprefix("/")
    serve = cast("Serve", by_kind[handler.request_streaming, handler.response_streaming])
    return Method(
        name=name,
        is_open=name.rpartition("/")[0] in open_services,
        parse=cast("Parse", handler.request_deserializer),
        serve=serve,
        serialize=handler.response_serializer,
        requests_stream=handler.request_streaming,
        responses_stream=handler.response_streaming,
        is_unary=not (handler.request_streaming or handler.response_streaming),
        is_watch=is_watch(serve),
        counts_as=name,
    )


def unknown_method(path: str) -> Method:
    """Returns a method that answers UNIMPLEMENTED. It streams, so that no request needs to be read."""
    # Strangers can send control characters, too, which a terminal that shows the log would obey.
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in path[:_SHOWN_CHARACTERS])

    async def refuse(_requests: AsyncIterator[Message], _context: object) -> None:
        raise CatalogError(Reason.UNKNOWN_METHOD, f"there is no method {shown}", metadata={"method": shown})

    return Method(shown.removeprefix("/"), True, Message.FromString, refuse, None, True, True)
