"""What a servicer gets beside its request: who calls, and a way to write responses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Never, Protocol, TypeAlias, TypeVar, cast

import grpc
import grpc.aio

from dashboard_catalog.calls.call import Call
from dashboard_catalog.rpc.edge.lifetime import Lifetime

S = TypeVar("S")
Q = TypeVar("Q")

CALL_ID_METADATA = "x-request-id"

END_SECONDS = 0.02
"""A cancelled call looks like one whose client has ended it until the cancellation arrives, a moment later."""

GrpcContext: TypeAlias = grpc.aio.ServicerContext[Any, Any]
"""The context of gRPC itself, which only the edge and the open services see."""


class Context(Protocol):
    """What the servicers of the catalog may ask of their context.

    The generated base classes promise them the context of gRPC, which has these methods, too. `caller_of` finds the
    caller, whom gRPC does not know.
    """

    def write(self, message: Any) -> Awaitable[None]:
        """Sends one response of a stream. Waits while the client does not read."""

    def abort(self, code: grpc.StatusCode, details: str) -> Awaitable[Never]:
        """Ends the call with a status of its own, which the edge does not change."""


class CallContext:
    """The context that the edge passes to the servicer of an authenticated call.

    Args:
        lifetime: Limits how long the servicer of a stream waits for its client to read.

    Attributes:
        call: The call, with its caller.
    """

    __slots__ = ("_grpc", "_lifetime", "call")

    def __init__(self, call: Call, grpc_context: GrpcContext, lifetime: Lifetime | None) -> None:
        self.call = call
        self._grpc = grpc_context
        self._lifetime = lifetime

    async def write(self, message: Any) -> None:
        """Sends one response of a stream. Waits while the client does not read.

        Raises:
            CatalogError: If the lifetime of the stream ends while the client does not read.
        """
        if self._lifetime is None:
            raise TypeError("the method returns its only response")
        try:
            await self._lifetime.departure(self._grpc.write(message))
        except grpc.aio.InternalError:
            await asyncio.sleep(END_SECONDS)
            raise

    def abort(self, code: grpc.StatusCode, details: str) -> Awaitable[Never]:
        """Ends the call with a status of its own, which the edge does not change."""
        return self._grpc.abort(code, details)

    def add_trailer(self, name: str, value: str) -> None:
        """Sends metadata at the end of a call that succeeds, beside the id of the call; only one entry."""
        self._grpc.set_trailing_metadata(((CALL_ID_METADATA, self.call.id), (name, value)))

    def sent(self, name: str) -> str | None:
        """Returns the last value that the client has sent for a name of its metadata."""
        metadata: Any = self._grpc.invocation_metadata() or ()
        return next((value for key, value in reversed(tuple(metadata)) if key == name), None)

    def when_done(self, callback: Callable[[], None]) -> None:
        """Has `callback` called when the call has ended, and its response has been handed to the connection."""
        # In a cast: the stubs take only a class of their own, which does not exist.
        self._grpc.add_done_callback(cast("Any", lambda _: callback()))


def caller_of(context: Context) -> Call:
    """Returns the call that a servicer serves, with its caller.

    Raises:
        TypeError: If the method is open, so that nobody has been authenticated.
    """
    return call_context(context).call


def call_context(context: Context) -> CallContext:
    """Returns the context that the edge has passed to the servicer of an authenticated call.

    Raises:
        TypeError: If the method is open, so that nobody has been authenticated.
    """
    if not isinstance(context, CallContext):
        raise TypeError("an open method has no caller")
    return context


def writes_responses(
    method: Callable[[S, AsyncIterator[Q], Context], Awaitable[None]],
) -> Callable[[S, AsyncIterator[Q], Context], AsyncIterator[Any]]:
    """Marks a method of a servicer that writes its responses to its context, instead of yielding them.

    gRPC takes both, but generated base classes know only methods that yield. The edge does not interrupt a method that
    writes. Its requests tell it that the server drains or the token has expired, and it can finish what it has read.
    """
    return cast("Callable[[S, AsyncIterator[Q], Context], AsyncIterator[Any]]", method)
