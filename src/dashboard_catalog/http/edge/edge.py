"""The edge that every request passes before its route is looked for: the same steps as those of gRPC, in this order.

1. Identify: the id of the call comes first, because every answer and every log line has it.
2. Observe: every call leaves one log line and, if there are spans, one span, however it ends.
3. Map errors: a `CatalogError` becomes a status and a JSON body. Anything else is a bug, and the caller learns only the
   id of the call.
4. Authenticate: by the headers alone.
5. Admit: within the limit of the server, and within the share of the caller, which both doors have in common.
6. Read: only now is the body taken from the network, up to a limit, and only so long.
7. Serve: the application finds the route and answers. A read ends when its client leaves.

A few paths skip 4 to 6: probes and documentation are read without a token, also while the server is full or drains.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterator
from typing import Protocol

import structlog
from opentelemetry.trace import Span
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.calls.access_log import AccessLog, CallLine
from dashboard_catalog.calls.call_ids import CallIds
from dashboard_catalog.calls.gate import Gate
from dashboard_catalog.calls.shares import Shares
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.http.edge.bodies import closes, discard_body, has_body, has_two_lengths, read_body
from dashboard_catalog.http.edge.calls import HttpCall, admit
from dashboard_catalog.http.edge.dropped_names import counted_name
from dashboard_catalog.http.edge.errors import CALL_ID_HEADER, answer_to, bug
from dashboard_catalog.http.edge.request_spans import begin, end, route_of
from dashboard_catalog.metrics.declared import UNKNOWN, Metrics
from dashboard_catalog.tracing.spans import Spans, enter, trace_id_of

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json", "/api/v1/system/version"})
"""What can be read without a token."""

FAILURE = "dashboard_catalog.failure"
"""Where the application leaves the error that it has answered, in the scope of a request."""

CLIENT_SECONDS = 30.0
"""How long a client may take to send a body, and to read a piece of an answer."""

PIECE_BYTES = 256 * 2**10

# Callers can make up others.
_METHODS = frozenset({"GET", "PUT", "POST", "PATCH", "DELETE"})

_log = structlog.get_logger("dashboard_catalog.http")


class Authenticates(Protocol):
    """Finds who calls."""

    async def authenticate(self, authorization: str | None) -> Principal:
        """Returns the caller with this header; raises `CatalogError` if it does not authenticate anybody."""


class ClientGone(Exception):
    """The client has closed the connection, or does not read."""


class HttpEdge:
    """Puts the steps above around an application.

    Args:
        application: Step 7.
        authenticator: For step 4.
        gate: For step 5, shared with the other doors.
        shares: For step 5, shared with the other doors.
        access_log: For step 2.
        client_seconds: How long a client may take to send a body, and to read a piece of an answer.
        metrics: Counts what is dropped.
        spans: For step 2, if calls have spans.
    """

    def __init__(
        self,
        application: ASGIApp,
        *,
        authenticator: Authenticates,
        gate: Gate,
        shares: Shares,
        access_log: AccessLog,
        client_seconds: float = CLIENT_SECONDS,
        metrics: Metrics | None = None,
        spans: Spans | None = None,
    ) -> None:
        self._application = application
        self._authenticator = authenticator
        self._gate = gate
        self._shares = shares
        self._access_log = access_log
        self._client_seconds = client_seconds
        self._metrics = (metrics or Metrics()).http
        self._spans = spans
        self._ids = CallIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI says."""
        if scope["method"] == "HEAD":
            # A copy: what is below knows by the original that it must not send the body.
            scope = {**scope, "method": "GET"}
        observed = _Observation(scope, send, self._ids, self._client_seconds)
        try:
            await self._observe(scope, receive, observed)
        finally:
            observed.end_span()

    async def _observe(self, scope: Scope, receive: Receive, observed: "_Observation") -> None:
        failure: CatalogError | None = None
        try:
            await self._admit(scope, receive, observed)
            failure = scope.get(FAILURE)
        except (ClientGone, asyncio.CancelledError):
            observed.log("CANCELLED", self._access_log)
            # The port closes the connection of a request that ends with an exception.
            raise
        except CatalogError as error:
            failure = error
        except Exception:  # noqa: BLE001 - whatever it is, its text must not reach the caller
            failure = observed.bug()
        if isinstance(failure, ActionDenied):
            self._access_log.deny(failure, observed.call_id)
        code = failure.code.value if failure else "OK"
        observed.log(code, self._access_log, failure.reason.value if failure else None)
        if failure is not None and not observed.has_begun:
            await _answer(failure, scope, receive, observed)

    async def _admit(self, scope: Scope, receive: Receive, observed: "_Observation") -> None:
        if scope["path"] in OPEN_PATHS and scope["method"] == "GET":
            observed.is_open = True
            if has_body(scope):
                await discard_body(receive)
            await self._application(scope, receive, observed.send)
            return
        if self._spans is not None:
            observed.begin_span(self._spans)
        self._gate.check_room()
        principal = await self._authenticator.authenticate(observed.authorization())
        observed.subject = principal.subject
        self._gate.enter()
        try:
            self._shares.enter(principal.subject, streams=False)
            try:
                await self._serve(scope, receive, observed, principal)
            finally:
                self._shares.leave(principal.subject, streams=False)
        finally:
            self._gate.leave()

    async def _serve(self, scope: Scope, receive: Receive, observed: "_Observation", principal: Principal) -> None:
        body = await read_body(scope, receive, self._client_seconds)
        observed.has_read = True
        call = observed.call = admit(scope, principal, observed.call_id)

        parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def read() -> Message:
            return parts.pop() if parts else await receive()

        serving = self._application(scope, read, observed.send)
        try:
            await (_until_gone(serving, receive) if scope["method"] == "GET" else serving)
        finally:
            call.end()
            for name, count in call.dropped.items():
                self._metrics.dropped.labels(*counted_name(name)).inc(count)


async def _until_gone(serving: Awaitable[None], receive: Receive) -> None:
    """Serves a read, as long as its client is there. A write goes on: it must not depend on who waits for its answer.

    Raises:
        ClientGone: If the client has closed the connection.
    """
    served, gone = asyncio.ensure_future(serving), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((served, gone), return_when=asyncio.FIRST_COMPLETED)
        if not served.done():
            raise ClientGone
        served.result()
    finally:
        served.cancel()
        gone.cancel()
        await asyncio.gather(served, gone, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(failure: CatalogError, scope: Scope, receive: Receive, observed: "_Observation") -> None:
    answer = answer_to(failure)
    if has_two_lengths(scope):
        answer.headers["connection"] = "close"
    if observed.leaves_a_body(failure) and closes(scope, answer.headers):
        # A connection that is closed before everything has been read may lose its answer.
        await discard_body(receive)
    await answer(scope, receive, observed.send)


class _Observation:
    """One request, from its beginning to its log line.

    Attributes:
        call_id: The `x-request-id` of the caller if it is usable, or a new id. It is answered.
        subject: The caller, once known.
        call: The call, once admitted.
        is_open: Whether the path needs no token.
        has_read: Whether the body has been read.
        has_begun: Whether an answer has begun to leave.
    """

    def __init__(self, scope: Scope, send: Send, ids: CallIds, seconds: float) -> None:
        self._began = time.perf_counter()
        self._scope = scope
        self._send = send
        self._seconds = seconds
        self.call_id = ids.of(Headers(scope=scope).get(CALL_ID_HEADER))
        self.subject: str | None = None
        self.call: HttpCall | None = None
        self.is_open = False
        self.has_read = False
        self.has_begun = False
        self._status: int | None = None
        self._span: Span | None = None
        self._ended: tuple[str, str | None] = ("", None)

    def begin_span(self, spans: Spans) -> None:
        """Begins the span of the call, and makes it the parent of what the call does."""
        self._span = begin(spans, self._scope, self.call_id)
        enter(self._span)

    def end_span(self) -> None:
        """Ends the span, if there is one, when the answer has left or the client has gone."""
        if self._span is not None:
            end(self._span, self._scope, self._status, *self._ended)

    def authorization(self) -> str | None:
        """Returns the `authorization` header as sent, or None if the caller sent none.

        Raises:
            CatalogError: TOKEN_MALFORMED if the caller sent it twice. Proxies and servers would not agree on which one
                counts.
        """
        sent = Headers(scope=self._scope).getlist("authorization")
        if len(sent) > 1:
            raise CatalogError(Reason.TOKEN_MALFORMED, "the call has more than one authorization header")
        return sent[0] if sent else None

    def leaves_a_body(self, failure: CatalogError) -> bool:
        """Returns whether a body has not been read when a request ends with an error."""
        was_begun = failure.reason in {Reason.MESSAGE_TOO_LARGE, Reason.CLIENT_IDLE}
        return has_body(self._scope) and not (self.has_read or was_begun)

    async def send(self, message: Message) -> None:
        """Sends a part of the answer, with the id of the call.

        Raises:
            ClientGone: If the client does not read.
        """
        if message["type"] == "http.response.start":
            self.has_begun = True
            self._status = message["status"]
            headers = ((CALL_ID_HEADER.encode(), self.call_id.encode()), (b"x-content-type-options", b"nosniff"))
            message["headers"] = [*message.get("headers", ()), *headers]
        elif len(message.get("body", b"")) > PIECE_BYTES:
            # Each part waits until the one before has left. So the last one, which is empty, ends the answer when the
            # client has read almost everything, and not when it has been put into a buffer.
            for piece in _pieces(message["body"]):
                await self._send_part({"type": message["type"], "body": piece, "more_body": True})
            message = {**message, "body": b""}
        await self._send_part(message)

    async def _send_part(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            raise ClientGone from None

    def bug(self) -> CatalogError:
        """Logs the exception that is being handled, and returns what the caller is told."""
        _log.exception("bug", call_id=self.call_id, method=self._name())
        return bug(self.call_id)

    def log(self, code: str, access_log: AccessLog, reason: str | None = None) -> None:
        """Leaves the log line."""
        self._ended = code, reason
        host, port = self._scope.get("client") or ("unknown", 0)
        line = CallLine(
            call_id=self.call_id,
            seconds=time.perf_counter() - self._began,
            method=self._name(),
            code=code,
            reason=reason,
            subject=self.subject,
            peer=f"{host}:{port}",
            quiet=self.is_open and code == "OK",
            more={"dropped": dict(self.call.dropped)} if self.call and self.call.dropped else None,
            trace_id=trace_id_of(self._span),
            door="http",
            counts_as=self._counts_as(),
        )
        access_log.add(line)

    def _name(self) -> str:
        """Returns the route and not the path, which has names in it and can be anything."""
        return f"{self._scope['method']} {route_of(self._scope) or '(unknown path)'}"

    def _counts_as(self) -> str:
        has_route = "route" in self._scope and self._scope["method"] in _METHODS
        return self._name() if has_route else UNKNOWN


def _pieces(body: bytes) -> Iterator[bytes]:
    return (body[place : place + PIECE_BYTES] for place in range(0, len(body), PIECE_BYTES))
