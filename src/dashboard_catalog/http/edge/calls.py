"""One call over HTTP, as the routes see it."""

import re
from collections import Counter
from collections.abc import Callable, Iterable

from fastapi import Request
from starlette.types import Scope

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.calls.call import Call, log_as
from dashboard_catalog.contract.caller import Caller

_KEY = "dashboard_catalog.call"

# Callers choose the names of what they send. A log line takes a limited number of them, and only those that look right.
_MOST_NAMES = 20
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_. ()-]{0,63}")
_OTHER = "(other)"


class HttpCall:
    """A call, from its admission to the end of its answer: what `AnswerRoom` calls `Answered`.

    Attributes:
        call: The call, with its caller.
        dropped: Names of what was sent and is not kept, with how often each was sent.
    """

    def __init__(self, principal: Principal, call_id: str, method: str) -> None:
        self.call = Call(principal, call_id, method)
        self.dropped: Counter[str] = Counter()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def caller(self) -> Caller:
        """Who calls, as the requests of the contract need it."""
        return self.call

    def drop(self, names: Iterable[str]) -> None:
        """Notes what the call has sent and the catalog does not keep; the log line counts it by name.

        Args:
            names: Names of shapes, such as `lineage`, or paths of fields, such as `dashboard.lifeCycle`. Never values.
        """
        for name in names:
            is_known = name in self.dropped or (len(self.dropped) < _MOST_NAMES and _NAME.fullmatch(name))
            self.dropped[name if is_known else _OTHER] += 1

    def when_done(self, callback: Callable[[], None]) -> None:
        """Has `callback` called when the call has ended, and its answer has been handed to the connection."""
        self._callbacks.append(callback)

    def end(self) -> None:
        """Calls the callbacks."""
        for callback in self._callbacks:
            callback()


def admit(scope: Scope, principal: Principal, call_id: str) -> HttpCall:
    """Makes the call of a request that the edge has admitted. Only then is its route looked for."""
    call = HttpCall(principal, call_id, str(scope["method"]))
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


def called_in(request: Request) -> str:
    """Returns the id of the call that a request belongs to; "unknown" if the path is open."""
    return call_of(request).call.id if _KEY in request.scope else "unknown"


def name_call(request: Request, route: str) -> None:
    """Names the call after its route, in log lines too: a path has names in it, and there are any number of them."""
    if _KEY in request.scope:
        known = call_of(request)
        known.call = Call(known.call.principal, known.call.id, route)
        log_as(known.call)
