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


def with_size(status: status_pb2.Status, sent: int, size: int) -> status_pb2.Status:
    """Returns the status of an item that was too large to be sent, with its own size.

    Args:
        status: The status of what was sent instead.
        sent: Size of that, in bytes.
        size: Size of the item, in bytes.
    """
    resized = status_pb2.Status(code=status.code, message=status.message.replace(str(sent), str(size)))
    info, quota = error_details_pb2.ErrorInfo(), error_details_pb2.QuotaFailure()
    for detail in status.details:
        copy = resized.details.add()
        if detail.Unpack(info) and "size" in info.metadata:
            info.metadata["size"] = str(size)
            copy.Pack(info)
        elif detail.Unpack(quota):
            for violation in quota.violations:
                violation.description = violation.description.replace(str(sent), str(size))
            copy.Pack(quota)
        else:
            copy.CopyFrom(detail)
    return resized
