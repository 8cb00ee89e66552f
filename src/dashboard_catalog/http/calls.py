"""One call of HTTP, as the routes see it."""

from collections.abc import Callable
from typing import Any, TypeAlias

from fastapi import Request

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.calls.call import Call, log_as

Scope: TypeAlias = dict[str, Any]

_KEY = "dashboard_catalog.call"


class HttpCall:
    """A call, from its admission to the end of its answer: what `AnswerRoom` calls `Answered`.

    Attributes:
        call: The call, with its caller.
    """

    def __init__(self, principal: Principal, call_id: str, method: str) -> None:
        self.call = Call(principal, call_id, method)
        self._callbacks: list[Callable[[], None]] = []

    def when_done(self, callback: Callable[[], None]) -> None:
        """Has `callback` called when the call has ended, and its answer has been handed to the connection."""
        self._callbacks.append(callback)

    def end(self) -> None:
        """Calls the callbacks."""
        for callback in self._callbacks:
            callback()


def admit(scope: Scope, principal: Principal, call_id: str) -> HttpCall:
    """Makes the call of a request that the edge has admitted. Only then is its route looked for."""
    call: HttpCall = HttpCall(principal, call_id, str(scope["method"]))
    scope[_KEY] = call
    return call


def call_of(request: Request) -> HttpCall:
    """Returns the call that a request belongs to.

    Raises:
        TypeError: If the path is open, so that nobody has been authenticated.
    """
    call = request.scope.get(_KEY)
    if not isinstance(call, HttpCall):
        raise TypeError("an open path has no caller")
    return call


def name_call(request: Request, route: str) -> None:
    """Names the call after its route, in log lines too: a path has names in it, and there are any number of them."""
    if _KEY in request.scope:
        known = call_of(request)
        known.call = Call(known.call.principal, known.call.id, route)
        log_as(known.call)
