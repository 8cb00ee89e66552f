"""The edge that every call passes, whatever its kind, in this order and for these reasons.

1. Identify: the call's id comes first, since all that follows answers and logs it.
2. Observe: one log line a call, however it ends; so it is around everything else.
3. Map errors: around all that can fail. A `CatalogError` becomes a status with details, an `AbortError` and
   a cancellation pass, anything else is a bug, of which the caller learns the call's id and nothing more.
4. Admit: whether the server drains or is full costs nothing to know, so an overloaded server refuses before
   it verifies a signature or decodes a message.
5. Authenticate: before the request is looked at, so that strangers cost little and learn nothing.
6. Decode: bytes to a message; after this the request is known to be one.
7. Validate: the rules of the contract, so that servicers see only requests that keep them. Messages of a
   stream are handed on unvalidated: there a violation fails an item, and the servicer reports it.
8. Run the servicer.

Health and reflection skip 4, 5 and 7: they are asked by load balancers and tools that have no token, also
while the server is full or drains.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, cast

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message

from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.contract.request_checks import shape_violations
from dashboard_catalog.errors import CatalogError, Reason, invalid
from dashboard_catalog.rpc.edge.access_log import AccessLog
from dashboard_catalog.rpc.edge.call import Call, enter_call
from dashboard_catalog.rpc.edge.gate import Gate
from dashboard_catalog.rpc.edge.observation import CallIds, Observation
from dashboard_catalog.rpc.edge.requests import Context, RequestStream, decode

# In quotes: generic in its stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"

_log = structlog.get_logger("dashboard_catalog.rpc")

# By whether requests and responses stream.
_MAKE_HANDLER: Mapping[tuple[bool, bool], Callable[..., Handler]] = MappingProxyType(
    {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
)


class Authenticates(Protocol):
    """What says who calls."""

    async def authenticate(self, authorization: str | None) -> Principal:
        """Returns who calls with this metadata; raises `CatalogError` if nobody does."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method behind the edge.

    Attributes:
        name: Full name without the leading slash.
        is_open: Whether it is served to everybody at all times.
        parse: Reads a request from its bytes.
        behaviour: The servicer's method.
        requests_stream: Whether it takes a stream.
        responses_stream: Whether it answers with one.
    """

    name: str
    is_open: bool
    parse: Callable[[bytes], Message]
    behaviour: Callable[[Any, Context], Any]
    requests_stream: bool
    responses_stream: bool


class EdgeInterceptor(grpc.aio.ServerInterceptor):
    """The one interceptor of the server: the steps above around every method."""

    def __init__(self, authenticator: Authenticates, gate: Gate, open_services: frozenset[str]) -> None:
        """Takes what the steps need.

        Args:
            authenticator: For step 5.
            gate: For step 4, and for streams that must end when the server drains.
            open_services: Full names of the services that are served to everybody at all times.
        """
        self._authenticator = authenticator
        self._gate = gate
        self._open_services = open_services
        self._ids = CallIds()
        self._handlers: dict[str, Handler] = {}
        self.access_log = AccessLog()
        """To be flushed when the server has stopped."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Returns the method's handler with the edge around it; also for a method that does not exist."""
        path = handler_call_details.method
        known = self._handlers.get(path)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None:
            # Not kept: callers can make up any number of names.
            return self._around(_unknown_method(path), None)
        method = _method(path, handler, self._open_services)
        self._handlers[path] = self._around(method, handler.response_serializer)
        return self._handlers[path]

    def _around(self, method: Method, serialize: Callable[[Any], bytes] | None) -> Handler:
        async def serve(request: Any, context: Context) -> Any:
            return await self._observe(method, request, context)

        make = _MAKE_HANDLER[method.requests_stream, method.responses_stream]
        return make(serve, request_deserializer=None, response_serializer=serialize)

    async def _observe(self, method: Method, request: Any, context: Context) -> Any:
        observed = Observation(method.name, context, ids=self._ids, access_log=self.access_log, quiet=method.is_open)
        try:
            answer = await self._admit(method, request, context, observed)
        except grpc.aio.AbortError:
            observed.log()
            raise
        except asyncio.CancelledError:
            observed.log("CANCELLED")
            raise
        except CatalogError as error:
            if isinstance(error, ActionDenied):
                error.log(observed.call_id)
            await observed.refuse(error)
        except Exception:  # noqa: BLE001 - whatever it is, its text must not reach the caller
            _log.exception("bug", call_id=observed.call_id, method=method.name)
            await observed.refuse(_bug(observed.call_id))
        else:
            observed.log()
            return answer

    async def _admit(self, method: Method, request: Any, context: Context, observed: Observation) -> Any:
        if method.is_open:
            return await self._run(method, request, context, None)
        self._gate.enter()
        try:
            principal = await self._authenticator.authenticate(observed.authorization)
            observed.subject = principal.subject
            enter_call(Call(observed.call_id, method.name, principal))
            return await self._run(method, request, context, principal)
        finally:
            self._gate.leave()

    async def _run(self, method: Method, request: Any, context: Context, principal: Principal | None) -> Any:
        received: Message | RequestStream
        if method.requests_stream:
            # Sent before anything is read, so that a client knows that its stream was let in.
            await context.send_initial_metadata(())
            received = RequestStream(context, method.parse, self._gate, principal)
        else:
            received = decode(request, method.parse)
            if not method.is_open and (violations := shape_violations(received)):
                raise invalid(violations)
        answer = method.behaviour(received, context)
        if method.responses_stream and hasattr(answer, "__aiter__"):
            return await _write_all(answer, context)
        return await answer


async def _write_all(answers: Any, context: Context) -> None:
    """Sends what an async generator yields, and closes it in the call's own task, however the call ends."""
    async with aclosing(answers):
        async for answer in answers:
            await context.write(answer)


def _method(path: str, handler: Handler, open_services: frozenset[str]) -> Method:
    streams = (handler.request_streaming, handler.response_streaming)
    behaviours = {
        (False, False): handler.unary_unary,
        (False, True): handler.unary_stream,
        (True, False): handler.stream_unary,
        (True, True): handler.stream_stream,
    }
    name = path.removeprefix("/")
    return Method(
        name=name,
        is_open=name.rpartition("/")[0] in open_services,
        parse=cast("Callable[[bytes], Message]", handler.request_deserializer),
        behaviour=cast("Callable[[Any, Context], Any]", behaviours[streams]),
        requests_stream=handler.request_streaming,
        responses_stream=handler.response_streaming,
    )


def _bug(call_id: str) -> CatalogError:
    return CatalogError(Reason.BUG, f"the server made a mistake; its log tells more of call {call_id}")


def _unknown_method(path: str) -> Method:
    """Returns a method that answers UNIMPLEMENTED; it streams, so that no request needs to be read."""

    async def refuse(_requests: AsyncIterator[Message], _context: Context) -> None:
        raise CatalogError(Reason.UNKNOWN_METHOD, f"there is no method {path[:256]}", metadata={"method": path[:256]})

    return Method(path.removeprefix("/")[:256], True, Message.FromString, refuse, True, True)
