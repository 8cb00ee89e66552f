"""One call seen from outside: its id, how it ended, and its log line.

This is the only place that sees the metadata of a call. The token goes to the authenticator and nowhere else.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, TypeAlias

import grpc
import grpc.aio
import structlog

from dashboard_catalog.auth.policies import ActionDenied
from dashboard_catalog.calls.access_log import AccessLog, CallLine
from dashboard_catalog.calls.call_ids import CallIds
from dashboard_catalog.contract.status_details import status_of
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.rpc.edge.call_spans import begin, end
from dashboard_catalog.rpc.edge.context import CALL_ID_METADATA, GrpcContext
from dashboard_catalog.rpc.edge.method import Method
from dashboard_catalog.tracing.spans import Spans, enter, trace_id_of

Admit: TypeAlias = "Callable[[Method, GrpcContext, Observation], Awaitable[Any]]"

DETAILS_METADATA = "grpc-status-details-bin"
PUSHBACK_METADATA = "grpc-retry-pushback-ms"

_log = structlog.get_logger("dashboard_catalog.rpc")

_CODE_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


class Observation:
    """One call, from its beginning to its log line: steps 1 to 3 of the edge.

    It is also the `grpc.RpcMethodHandler` of the call: gRPC hands over the metadata when it asks for a handler, and
    would read them again for the context.

    For gRPC, the requests of every method are a stream, which looks the same on the wire. Otherwise, it would read the
    request of a unary method, however large and slow, before anybody knows who calls. And it would never answer a call
    that ends without a request.

    Attributes:
        call_id: The `x-request-id` of the caller if it is usable, or a new id. It is returned in the trailers.
        subject: The caller, once known.
    """

    __slots__ = (
        "_access_log",
        "_admit",
        "_authorization",
        "_began",
        "_context",
        "_logged",
        "_method",
        "_sent_twice",
        "_span",
        "call_id",
        "response_serializer",
        "response_streaming",
        "subject",
    )

    request_streaming = True
    request_deserializer = None

    def __init__(
        self,
        method: Method,
        metadata: Iterable[tuple[str, Any]],
        admit: Admit,
        *,
        ids: CallIds,
        access_log: AccessLog,
        spans: Spans | None = None,
    ) -> None:
        """Begins to observe a call.

        Args:
            method: What is called.
            metadata: What the caller has sent before its request.
            admit: Takes the call through the other steps of the edge, and returns its response.
            ids: For a caller who has sent no usable id.
            access_log: Gets the log line.
            spans: Makes the span of the call, if there are any.
        """
        self._began = time.perf_counter()
        self._method = method
        self._admit = admit
        self._access_log = access_log
        self._logged = False
        self._authorization: str | None = None
        self._sent_twice = False
        self.response_streaming = method.responses_stream
        self.response_serializer = method.serialize
        self.subject: str | None = None
        sent_id = None
        for name, value in metadata:
            if name == "authorization":
                self._sent_twice = self._authorization is not None
                self._authorization = value
            elif name == CALL_ID_METADATA:
                sent_id = value
        self.call_id = ids.of(sent_id) if sent_id else ids.new()
        self._span = None if spans is None else begin(spans, method, metadata, self.call_id)

    async def stream_unary(self, _requests: object, context: GrpcContext) -> Any:
        """Serves the call. Returns its response; None for a method that streams its responses.

        Raises:
            grpc.aio.AbortError: If the call ends with an error, which the client has got.
        """
        self._context = context
        if self._span is not None and not self._method.is_watch:
            enter(self._span)
        context.set_trailing_metadata(((CALL_ID_METADATA, self.call_id),))
        failure: CatalogError
        try:
            response = await self._admit(self._method, context, self)
        except grpc.aio.AbortError:
            self.log()
            raise
        except asyncio.CancelledError:
            self.log("CANCELLED")
            raise
        except CatalogError as error:
            if isinstance(error, ActionDenied):
                self._access_log.deny(error, self.call_id)
            failure = error
        except Exception:  # noqa: BLE001 - whatever it is, its text must not reach the caller
            _log.exception("bug", call_id=self.call_id, method=self._method.name)
            failure = _bug(self.call_id)
        else:
            self.log()
            return response
        # A client that does not read may keep the status from leaving. The traceback would keep what the call had read.
        failure.__traceback__ = failure.__context__ = failure.__cause__ = None
        return await self.refuse(failure)

    stream_stream = stream_unary

    def authorization(self) -> str | None:
        """Returns the `authorization` metadata as sent, or None if the caller sent none.

        Raises:
            CatalogError: TOKEN_MALFORMED if the caller sent it twice. Proxies and servers would not agree on which one
                counts.
        """
        if self._sent_twice:
            raise CatalogError(Reason.TOKEN_MALFORMED, "the call has more than one authorization entry")
        return self._authorization

    async def end(self, error: CatalogError) -> None:
        """Ends the call with the status of an error, from outside of the task that serves it.

        There, what reads from the client raises `grpc.aio.AbortError`.
        """
        with suppress(grpc.aio.AbortError):
            await self.refuse(error)

    async def refuse(self, error: CatalogError) -> None:
        """Logs the call and ends it with the status of an error.

        Raises:
            grpc.aio.AbortError: Unless the client has gone. Then gRPC ends the call itself.
        """
        self.log(error.code.value, error.reason.value)
        status = status_of(error, self.call_id)
        trailers: list[tuple[str, str | bytes]] = [
            (CALL_ID_METADATA, self.call_id),
            (DETAILS_METADATA, status.SerializeToString()),
        ]
        if error.reason is Reason.DRAINING and error.retry_after is not None:
            # Clients that retry by their own rules would come back before the server has stopped.
            trailers.append((PUSHBACK_METADATA, str(round(error.retry_after * 1_000))))
        # Otherwise, gRPC would log a traceback for a client whose deadline passes at this moment.
        with suppress(grpc.aio.InternalError):
            await self._context.abort(grpc.StatusCode[error.code.value], status.message, tuple(trailers))

    def log(self, code: str = "", reason: str | None = None) -> None:
        """Leaves the log line of the call, unless it has left one.

        Args:
            code: Name of the code that the call ends with; by default the one that the servicer set.
            reason: Reason of the error, if any.
        """
        if self._logged:
            return
        self._logged = True
        code = code or _code_name(self._context.code())
        # By position, which costs half as much as by name.
        line = CallLine(
            self.call_id,
            time.perf_counter() - self._began,
            self._method.name,
            code,
            reason,
            self.subject,
            self._context.peer(),
            self._method.is_open,
            None,
            trace_id_of(self._span),
            "grpc",
            self._method.counts_as,
        )
        self._access_log.add(line)
        if self._span is not None:
            end(self._span, code, reason)


def _code_name(code: Any) -> str:
    """Returns the name of a code as a context returns it: None, a number or a `StatusCode`."""
    if code is None:
        return "OK"
    return code.name if isinstance(code, grpc.StatusCode) else _CODE_NAMES.get(code, str(code))


def _bug(call_id: str) -> CatalogError:
    return CatalogError(Reason.BUG, f"internal error; the server log has details for call {call_id}")
