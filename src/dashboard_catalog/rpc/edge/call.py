"""The call that is being served, for whatever runs on its behalf.

Set once by the interceptor, in the context of the call's own task; holds no token.
"""

from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from dashboard_catalog.auth.principal import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated call.

    Attributes:
        id: Answered with every error and found in every log line of the call.
        method: Full name without the leading slash, `dashboardcatalog.v1.DashboardService/GetDashboard`.
        principal: Who calls.
    """

    id: str
    method: str
    principal: Principal


_current: ContextVar[Call] = ContextVar("dashboard_catalog_call")


def current_call() -> Call:
    """Returns the call that is being served.

    Raises:
        LookupError: If there is none.
    """
    return _current.get()


def enter_call(call: Call) -> None:
    """Makes `call` the current one for the task that runs, and for those that it starts."""
    _current.set(call)


def add_call(_logger: object, _level: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Adds the current call to a log line: a processor of structlog."""
    call = _current.get(None)
    if call is not None:
        line.setdefault("call_id", call.id)
        line.setdefault("method", call.method)
    return line
