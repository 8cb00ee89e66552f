"""The edge that every call passes, whatever its kind.

These are its steps, and the reasons for their order:

1. Identify: the id of the call comes first, because every later step returns and logs it.
2. Observe: every call leaves one log line and, if there are spans, one span, however it ends. So this step surrounds
   all others.
3. Map errors: surrounds every step that can fail. A `CatalogError` becomes a status with details. An `AbortError` and a
   cancellation pass. Anything else is a bug, and the caller learns only the id of the call. `observation.py` has these
   three steps.
4. Authenticate: by the headers alone, so that strangers cost little, learn nothing and hold no place. It costs nothing
   to find that the server drains or is full, so an overloaded server refuses a call before it verifies a signature.
5. Admit: within the limit of the server, and within the share of the caller. Watchers have limits of their own.
6. Read: only now does the server take the request from the network, and it waits for it only so long.
7. Decode: bytes to a message.
8. Validate: servicers see only requests that keep the rules of the contract. The messages of a stream of requests are
   not validated here, because a violation there fails one item, which the servicer reports.
9. Serve: call the servicer, and send what it returns.

Health checks and reflection skip 4, 5 and 8: load balancers and tools call them without a token, also while the server
is full or drains. They have a few places of their own, which nobody can hold against a newcomer.
"""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple, Never, Protocol

import grpc
import grpc.aio
from google.protobuf.message import Message

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.calls.access_log import AccessLog
from dashboard_catalog.calls.call import Call, log_as
from dashboard_catalog.calls.call_ids import CallIds
from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.calls.shares import Shares
from dashboard_catalog.contract.quick_check import is_certainly_valid
from dashboard_catalog.contract.request_checks import shape_violations
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError, invalid
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.rpc.edge.bodies import Bodies
from dashboard_catalog.rpc.edge.context import END_SECONDS, CallContext, Context, GrpcContext
from dashboard_catalog.rpc.edge.decoding import decode
from dashboard_catalog.rpc.edge.lifetime import Lifetime, Patience
from dashboard_catalog.rpc.edge.method import Method, method_of, unknown_method
from dashboard_catalog.rpc.edge.observation import Observation
from dashboard_catalog.rpc.edge.places import Places
from dashboard_catalog.rpc.edge.request_stream import Read, RequestStream
from dashboard_catalog.rpc.edge.watchers import Watchers
from dashboard_catalog.tracing.spans import Spans


class Authenticates(Protocol):
    """Finds who calls."""

    def recall(self, authorization: str | None) -> Principal | None:
        """Returns the caller with this metadata if it needs no waiting; otherwise None."""

    async def authenticate(self, authorization: str | None) -> Principal:
        """Returns the caller with this metadata; raises `CatalogError` if it does not authenticate anybody."""


class Budgets(NamedTuple):
    """What the edge grants to those who wait, and to those who need no token.

    Attributes:
        patience: How long it waits for a client.
        open_streams: Number of streams without a token at once, in total and per connection.
        open_reads: Number of calls without a token at once whose next message has not arrived. Each may hold the memory
            of a whole message.
        watchers: Number of watchers at once.
    """

    patience: Patience = Patience()
    open_streams: tuple[int, int] = (128, 32)
    open_reads: int = 8
    watchers: int = 2_000


DEFAULTS = Budgets()


class Edge(grpc.GenericRpcHandler):
    """Finds the methods of the server, and puts the steps above around each of them.

    For generated code it is the server, to which servicers are added.
    """

    def __init__(
        self,
        authenticator: Authenticates,
        gate: Gate,
        shares: Shares,
        open_services: frozenset[str],
        budgets: Budgets = DEFAULTS,
        *,
        metrics: Metrics | None = None,
        spans: Spans | None = None,
    ) -> None:
        """Makes an edge.

        Args:
            authenticator: For step 4.
            gate: For step 5, and for streams, which must end when the server drains.
            shares: For step 5.
            open_services: Full names of the services that everybody may call at any time.
            budgets: For step 6, for watchers and for the open services.
            metrics: Counts the calls.
            spans: For step 2, if calls have spans.
        """
        self._authenticator = authenticator
        self._gate = gate
        self._shares = shares
        self._metrics = metrics or Metrics()
        self.watchers = Watchers(gate, budgets.watchers)
        """Those of the catalog's changes."""
        self._open_services = open_services
        self._patience = budgets.patience
        self._bodies = Bodies(budgets.patience.first)
        self._open_streams = Places(*budgets.open_streams)
        self._spans = spans
        self._open_bodies = Bodies(budgets.patience.first, budgets.open_reads)
        self._services: list[grpc.GenericRpcHandler] = []
        self._ids = CallIds()
        self._methods: dict[str, Method] = {}
        self.access_log = AccessLog(self._metrics)
        """Must be flushed when the server has stopped."""

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Takes the methods of a service, as generated code adds them to a server."""
        self._services.extend(handlers)

    def add_registered_method_handlers(self, _service: str, _handlers: object) -> None:
        """Does nothing, since methods are found by their names.

        For methods that are registered as well, `grpc.aio` waits for the next call of each one, so that every call
        costs a look at all of them.
        """

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Returns the handler of one call, with the edge around its method; also if there is no such method."""
        path = handler_call_details.method
        method = self._methods.get(path) or self._find(path, handler_call_details)
        metadata = handler_call_details.invocation_metadata
        return Observation(method, metadata, self._admit, ids=self._ids, access_log=self.access_log, spans=self._spans)

    def _find(self, path: str, handler_call_details: grpc.HandlerCallDetails) -> Method:
        found = (service.service(handler_call_details) for service in self._services)
        handler = next((one for one in found if one is not None), None)
        if handler is None:
            # Not kept: callers can make up any number of names.
            return unknown_method(path)
        method = self._methods[path] = method_of(path, handler, self._open_services)
        return method

    async def _admit(self, method: Method, context: GrpcContext, observed: Observation) -> Any:
        if method.is_open:
            return await self._serve_open(method, context, observed)
        if method.is_watch:
            return await self._watch(method, context, observed)
        self._gate.check_room()
        authorization = observed.authorization()
        principal = self._authenticator.recall(authorization) or await self._authenticator.authenticate(authorization)
        observed.subject = principal.subject
        self._gate.enter()
        try:
            self._take_share(principal.subject, streams=not method.is_unary)
            call = Call(principal, observed.call_id, method.name)
            if not method.is_unary:
                return await self._serve_stream(method, context, call)
            log_as(call)
            raw = await self._bodies.read(context, observed)
            request = await _no_message() if raw is grpc.aio.EOF else decode(raw, method.parse)
            return await method.serve(_validated(request), CallContext(call, context, None))
        finally:
            self._gate.leave()

    async def _watch(self, method: Method, context: GrpcContext, observed: Observation) -> Any:
        self.watchers.check_room()
        principal = await self._authenticator.authenticate(observed.authorization())
        observed.subject = principal.subject
        self.watchers.enter(principal.subject)
        try:
            return await self._serve_stream(method, context, Call(principal, observed.call_id, method.name))
        finally:
            self.watchers.leave(principal.subject)

    async def _serve_stream(self, method: Method, context: GrpcContext, call: Call) -> Any:
        log_as(call)
        lifetime = Lifetime(self._gate, call.principal, self._patience)
        with self._metrics.calls.stream(method.name):
            return await _serve_stream(method, context.read, CallContext(call, context, lifetime), context, lifetime)

    def _take_share(self, subject: str, *, streams: bool) -> None:
        """Takes the share of the caller until the client has the whole response, since that is held until then.

        The task of the call ends then. The context has callbacks, too, but they keep the call until garbage collection.
        """
        self._shares.enter(subject, streams=streams)
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(lambda _: self._shares.leave(subject, streams=streams))

    async def _serve_open(self, method: Method, context: GrpcContext, observed: Observation) -> Any:
        if method.is_unary:
            raw = await self._open_bodies.read(context, observed)
            request = await _no_message() if raw is grpc.aio.EOF else decode(raw, method.parse)
            return await method.serve(request, context)
        async with self._open_streams.taken(context.peer()):
            lifetime = Lifetime(self._gate, None, self._patience)
            read = partial(self._open_bodies.read, context, observed)
            return await _serve_stream(method, read, context, context, lifetime)


async def _serve_stream(
    method: Method, read: Read, servicer_context: Any, context: GrpcContext, lifetime: Lifetime
) -> Any:
    if method.requests_stream:
        # Sent before anything is read, so that a client learns that its stream was admitted.
        await context.send_initial_metadata(())
        received: Any = RequestStream(read, method.parse, lifetime)
    else:
        raw = await lifetime.arrival(read())
        message = await _no_message() if raw is grpc.aio.EOF else decode(raw, method.parse)
        received = message if method.is_open else _validated(message)
    response = method.serve(received, servicer_context)
    if hasattr(response, "__aiter__"):
        return await _write_all(response, servicer_context, lifetime)
    return await response


async def _no_message() -> Never:
    """Refuses a call of a method that takes one message, and whose client has ended it without one.

    Raises:
        CatalogError: MALFORMED_REQUEST.
    """
    await asyncio.sleep(END_SECONDS)
    raise CatalogError(Reason.MALFORMED_REQUEST, "the call ended without a message")


def _validated(request: Message) -> Message:
    # Asked here as well, since nearly all requests need no list of violations.
    if not is_certainly_valid(request) and (violations := shape_violations(request)):
        raise invalid(violations)
    return request


async def _write_all(responses: Any, context: Context, lifetime: Lifetime) -> None:
    """Sends what an async generator yields. Runs and closes it in the task of the call, however the call ends.

    The end of its lifetime interrupts the generator at whatever it waits for. A servicer that must finish what it has
    read writes its responses to its context instead: it then learns of the end from its requests.
    """
    async with lifetime.limit(), aclosing(responses):
        async for response in responses:
            await context.write(response)
