"""The edge that every call passes, whatever its kind.

These are its steps, and the reasons for their order:

1. Identify: the id of the call comes first, because every later step returns and logs it.
2. Observe: every call leaves one log line, however it ends. So this step surrounds all others.
3. Map errors: surrounds every step that can fail. A `CatalogError` becomes a status with details. An `AbortError` and a
   cancellation pass. Anything else is a bug, and the caller learns only the id of the call.
4. Admit: it costs nothing to find that the server drains or is full. So an overloaded server refuses a call before it
   verifies a signature or decodes a message.
5. Authenticate: before the request is examined, so that strangers cost little and learn nothing.
6. Decode: bytes to a message.
7. Validate: servicers see only requests that keep the rules of the contract. Messages of a stream are not validated
   here, because a violation there fails one item, which the servicer reports.
8. Serve: call the servicer, and send what it returns.

Health checks and reflection skip 4, 5 and 7: load balancers and tools call them without a token, also while the server
is full or drains.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Protocol, TypeAlias

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message

from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.contract.request_checks import shape_violations
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError, invalid
from dashboard_catalog.rpc.edge.access_log import AccessLog
from dashboard_catalog.rpc.edge.call import Call, log_as
from dashboard_catalog.rpc.edge.context import CallContext, GrpcContext
from dashboard_catalog.rpc.edge.decoding import decode
from dashboard_catalog.rpc.edge.gate import Gate
from dashboard_catalog.rpc.edge.lifetime import Lifetime
from dashboard_catalog.rpc.edge.method import Handler, Method, method_of, unknown_method
from dashboard_catalog.rpc.edge.observation import CallIds, Observation
from dashboard_catalog.rpc.edge.request_stream import RequestStream

Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"

_log = structlog.get_logger("dashboard_catalog.rpc")


class Authenticates(Protocol):
    """Finds who calls."""

    async def authenticate(self, authorization: str | None) -> Principal:
        """Returns the caller with this metadata; raises `CatalogError` if it does not authenticate anybody."""


class EdgeInterceptor(grpc.aio.ServerInterceptor):
    """The one interceptor of the server: the steps above around every method."""

    def __init__(self, authenticator: Authenticates, gate: Gate, open_services: frozenset[str]) -> None:
        """Makes an edge.

        Args:
            authenticator: For step 5.
            gate: For step 4, and for streams, which must end when the server drains.
            open_services: Full names of the services that everybody may call at any time.
        """
        self._authenticator = authenticator
        self._gate = gate
        self._open_services = open_services
        self._ids = CallIds()
        self._handlers: dict[str, Handler] = {}
        self.access_log = AccessLog()
        """Must be flushed when the server has stopped."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Returns the handler of a method with the edge around it; also for a method that does not exist."""
        path = handler_call_details.method
        known = self._handlers.get(path)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None:
            # Not kept: callers can make up any number of names.
            return self._around(unknown_method(path), None)
        method = method_of(path, handler, self._open_services)
        self._handlers[path] = self._around(method, handler.response_serializer)
        return self._handlers[path]

    def _around(self, method: Method, serialize: Callable[[Any], bytes] | None) -> Handler:
        async def serve(request: Any, context: GrpcContext) -> Any:
            return await self._observe(method, request, context)

        return method.handler(serve, serialize)

    async def _observe(self, method: Method, request: Any, context: GrpcContext) -> Any:
        observed = Observation(method.name, context, ids=self._ids, access_log=self.access_log, quiet=method.is_open)
        try:
            response = await self._admit(method, request, context, observed)
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
            return response

    async def _admit(self, method: Method, request: Any, context: GrpcContext, observed: Observation) -> Any:
        if method.is_open:
            return await self._serve(method, request, context, None)
        self._gate.enter()
        try:
            principal = await self._authenticator.authenticate(observed.authorization)
            observed.subject = principal.subject
            call = Call(principal, observed.call_id, method.name)
            log_as(call)
            return await self._serve(method, request, context, call)
        finally:
            self._gate.leave()

    async def _serve(self, method: Method, request: Any, context: GrpcContext, call: Call | None) -> Any:
        servicer_context = CallContext(call, context) if call else context
        if not (method.requests_stream or method.responses_stream):
            return await method.serve(_read(method, request), servicer_context)
        lifetime = Lifetime(self._gate, call.principal if call else None)
        received: Message | RequestStream
        if method.requests_stream:
            # Sent before anything is read, so that a client learns that its stream was admitted.
            await context.send_initial_metadata(())
            received = RequestStream(context, method.parse, lifetime)
        else:
            received = _read(method, request)
        response = method.serve(received, servicer_context)
        if hasattr(response, "__aiter__"):
            return await _write_all(response, context, lifetime)
        return await response


def _read(method: Method, request: bytes) -> Message:
    """Decodes and validates the one request of a method."""
    message = decode(request, method.parse)
    if not method.is_open and (violations := shape_violations(message)):
        raise invalid(violations)
    return message


async def _write_all(responses: Any, context: GrpcContext, lifetime: Lifetime) -> None:
    """Sends what an async generator yields. Runs and closes it in the task of the call, however the call ends.

    The end of its lifetime interrupts the generator at whatever it waits for. A servicer that must finish what it has
    read writes its responses to its context instead: it then learns of the end from its requests.
    """
    async with lifetime.limit(), aclosing(responses):
        async for response in responses:
            await context.write(response)


def _bug(call_id: str) -> CatalogError:
    return CatalogError(Reason.BUG, f"internal error; the server log has details for call {call_id}")
