"""The call that a task serves, for its log lines.

Everything else gets the caller as an argument. A call holds no token.
"""

from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from dashboard_catalog.contract.caller import Caller


@dataclass(frozen=True, slots=True)
class Call(Caller):
    """An authenticated call.

    Attributes:
        method: Full name without the leading slash, such as `dashboardcatalog.v1.DashboardService/GetDashboard`.
    """

    method: str


_logged: ContextVar[Call] = ContextVar("dashboard_catalog_call")


def log_as(call: Call) -> None:
    """Makes log lines of this task, and of tasks that it starts, name the call."""
    _logged.set(call)


def add_call(_logger: object, _level: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Adds the id and the method of the call to a log line: a processor of structlog."""
    call = _logged.get(None)
    if call is not None:
        line.setdefault("call_id", call.id)
        line.setdefault("method", call.method)
    return line
