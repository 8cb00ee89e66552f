"""What the catalog says of a call that failed, beside code and text."""

from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"


def status_of(error: grpc.RpcError) -> status_pb2.Status | None:
    """Returns the status with its details, or None if it is not the catalog that ended the call."""
    # Of one form for asyncio and of another for everybody else; both are pairs.
    trailing: Any = error.trailing_metadata() or ()
    for key, value in trailing:
        if key == _DETAILS:
            return status_pb2.Status.FromString(value)
    return None


def reason_of(error: grpc.RpcError) -> str:
    """Returns the name of the contract's `ErrorReason`, or an empty text if the catalog has not said any."""
    info = error_details_pb2.ErrorInfo()
    status = status_of(error)
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return info.reason
    return ""
