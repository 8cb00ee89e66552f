"""The details of a failed call, beside its code and text."""

from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"


def status_of(error: grpc.RpcError) -> status_pb2.Status | None:
    """Returns the status with its details; None if the error did not come from the catalog."""
    # The type differs with and without asyncio; both are sequences of pairs.
    trailing: Any = error.trailing_metadata() or ()
    for key, value in trailing:
        if key == _DETAILS:
            return status_pb2.Status.FromString(value)
    return None


def reason_of(error: grpc.RpcError) -> str:
    """Returns the name of the contract's `ErrorReason`; empty if the error did not come from the catalog."""
    info = error_details_pb2.ErrorInfo()
    status = status_of(error)
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return info.reason
    return ""
