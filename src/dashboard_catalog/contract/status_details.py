"""Describes a failure as a `google.rpc.Status` with its details, both for a call and for an item of a stream.

The status of a call travels in trailers, which get lost when they are long. So everything that comes from callers is
cut, and only as many violations are listed as fit.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    QuotaFailure,
    RequestInfo,
    ResourceInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status

from dashboard_catalog.catalog.model.qualified_names import MAX_FQN_BYTES
from dashboard_catalog.contract.limits import MAX_STATUS_BYTES
from dashboard_catalog.error_codes import Code
from dashboard_catalog.errors import CatalogError, Violation

DOMAIN = "dashboardcatalog.v1"

# gRPC sends the message a second time, percent-encoded, which can make it three times as long.
_MESSAGE_BYTES = 512
_VALUE_BYTES = 256
# A client calls again by this name, so it must be whole.
_WHOLE_BYTES = {"moved_to": MAX_FQN_BYTES}
_KEY_BYTES = 64
_METADATA_KEYS = 6
# An upper bound of what `Any` and `Status.details` add to a detail: its type URL, tags and lengths.
_WRAPPING_BYTES = 80
_RETRY_SECONDS = 1.0

Element = TypeVar("Element", bound=Message)


def status_of(error: CatalogError, call_id: str) -> Status:
    """Returns the failure with its details, in at most `MAX_STATUS_BYTES`.

    Args:
        error: What went wrong.
        call_id: Id of the call; for an item of a stream, too.
    """
    status = Status(code=code_pb2.Code.Value(error.code.value), message=_cut(error.message, _MESSAGE_BYTES))
    _add(status, ErrorInfo(reason=error.reason.value, domain=DOMAIN, metadata=_metadata(error)))
    _add(status, RequestInfo(request_id=_cut(call_id, _KEY_BYTES)))
    if error.retry_after is not None or error.code is Code.UNAVAILABLE:
        _add(status, RetryInfo(retry_delay=_duration(error.retry_after)))
    room = MAX_STATUS_BYTES - status.ByteSize() - _WRAPPING_BYTES
    detail = _DETAIL_OF.get(error.code, _resource)(error, room)
    if detail is not None:
        _add(status, detail)
    return status


def _metadata(error: CatalogError) -> dict[str, str]:
    metadata = {
        _cut(key, _KEY_BYTES): _cut(value, _WHOLE_BYTES.get(key, _VALUE_BYTES))
        for key, value in list(error.metadata.items())[:_METADATA_KEYS]
    }
    if error.code is Code.INVALID_ARGUMENT and error.violations:
        # A failure that was stored knows the number of all, but not all of them.
        metadata.setdefault("violations", str(len(error.violations)))
    return metadata


def _bad_request(error: CatalogError, room: int) -> Message | None:
    if not error.violations:
        return None
    return BadRequest(field_violations=_fitting(map(_field_violation, error.violations), room))


def _field_violation(violation: Violation) -> BadRequest.FieldViolation:
    return BadRequest.FieldViolation(
        field=_cut(violation.field, _VALUE_BYTES),
        description=_cut(violation.description, _VALUE_BYTES),
        reason=violation.reason.value,
    )


def _resource(error: CatalogError, room: int) -> Message | None:
    if error.resource is None:
        return None
    kind, name = error.resource
    return ResourceInfo(resource_type=_cut(kind, _KEY_BYTES), resource_name=_cut(name, room - _KEY_BYTES - 8))


def _precondition(error: CatalogError, room: int) -> Message | None:
    """Lists the violations, or the resource if there are none."""
    found = [(violation.field, violation.description) for violation in error.violations]
    if not found:
        found = [(" ".join(error.resource or ("call", "")).strip(), error.message)]
    violations = (
        PreconditionFailure.Violation(
            type=error.reason.value, subject=_cut(subject, _VALUE_BYTES), description=_cut(text, _VALUE_BYTES)
        )
        for subject, text in found
    )
    return PreconditionFailure(violations=_fitting(violations, room))


def _quota(error: CatalogError, _room: int) -> Message | None:
    subject = ":".join(error.resource or ("server", error.reason.value))
    violation = QuotaFailure.Violation(
        subject=_cut(subject, _VALUE_BYTES), description=_cut(error.message, _VALUE_BYTES)
    )
    return QuotaFailure(violations=[violation])


_DETAIL_OF: Mapping[Code, Callable[[CatalogError, int], Message | None]] = MappingProxyType(
    {
        Code.INVALID_ARGUMENT: _bad_request,
        Code.FAILED_PRECONDITION: _precondition,
        Code.RESOURCE_EXHAUSTED: _quota,
    }
)


def _add(status: Status, detail: Message) -> None:
    wrapped = AnyMessage()
    wrapped.Pack(detail)
    status.details.append(wrapped)


def _fitting(elements: Iterable[Element], room: int) -> list[Element]:
    """Returns the first elements that fit into `room` bytes together."""
    fitting = []
    for element in elements:
        size = element.ByteSize()
        room -= size + (2 if size < 128 else 3)
        if room < 0:
            break
        fitting.append(element)
    return fitting


def _cut(text: str, limit: int) -> str:
    """Returns the text, or its beginning with an ellipsis if it is longer than `limit` bytes of UTF-8."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode(errors="ignore") + "…"


def _duration(seconds: float | None) -> Duration:
    nanos = math.ceil((_RETRY_SECONDS if seconds is None else seconds) * 1e9)
    return Duration(seconds=nanos // 10**9, nanos=nanos % 10**9)
