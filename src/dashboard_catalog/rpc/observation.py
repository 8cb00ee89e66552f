"""What is known of one call from outside: its id, how it ended, and the log line that says so.

The only place that sees the metadata of a call; the token goes to the authenticator and nowhere else.
"""

import re
import secrets
import time
from typing import Any

import grpc
import structlog
from structlog.contextvars import bind_contextvars

from dashboard_catalog.errors import CatalogError
from dashboard_catalog.rpc.requests import Context
from dashboard_catalog.rpc.status import status_of

CALL_ID_METADATA = "x-request-id"
DETAILS_METADATA = "grpc-status-details-bin"

_USABLE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")
_CODE_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}
# A caller cannot mend these.
_LEVELS = {"INTERNAL": "error", "UNAVAILABLE": "warning", "RESOURCE_EXHAUSTED": "warning"}

_log = structlog.get_logger("dashboard_catalog.access")


class Observation:
    """One call, from its beginning to its log line.

    Attributes:
        call_id: The caller's `x-request-id` if it is a sane token, else a new one; answered in the trailers.
        authorization: As sent; None if it was not.
        subject: Who calls, once known.
    """

    def __init__(self, method: str, context: Context, *, quiet: bool) -> None:
        self._began = time.perf_counter()
        self._context = context
        self._quiet = quiet
        self.subject: str | None = None
        metadata: dict[str, Any] = dict(context.invocation_metadata() or ())
        self.authorization: str | None = metadata.get("authorization")
        sent_id = metadata.get(CALL_ID_METADATA)
        self.call_id = sent_id if sent_id and _USABLE_ID.fullmatch(sent_id) else secrets.token_hex(16)
        bind_contextvars(call_id=self.call_id, method=method)
        context.set_trailing_metadata(((CALL_ID_METADATA, self.call_id),))

    async def refuse(self, error: CatalogError) -> None:
        """Logs the call and ends it with the status of `error`.

        Raises:
            grpc.aio.AbortError: Always.
        """
        self.log(error.code.value, error.reason.value)
        status = status_of(error, self.call_id)
        await self._context.abort(
            grpc.StatusCode[error.code.value],
            status.message,
            ((CALL_ID_METADATA, self.call_id), (DETAILS_METADATA, status.SerializeToString())),
        )

    def log(self, code: str = "", reason: str | None = None) -> None:
        """Writes the log line of the call, with the code that the servicer set unless it is given."""
        code = code or _code_name(self._context.code())
        level = "debug" if self._quiet else _LEVELS.get(code, "info")
        getattr(_log, level)(
            "call",
            code=code,
            reason=reason,
            subject=self.subject,
            peer=self._context.peer(),
            duration_ms=round((time.perf_counter() - self._began) * 1_000, 2),
        )


def _code_name(code: Any) -> str:
    """Returns the name of what a context says: None, a number or a `StatusCode`."""
    return code.name if isinstance(code, grpc.StatusCode) else _CODE_NAMES.get(code or 0, str(code))
