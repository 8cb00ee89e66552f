"""Turns a `google.rpc.Status` and its details into the reasons why a call or an item failed, for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.sources.problems import Problem
from dashboard_catalog_client import status_of

Detail = TypeVar("Detail", bound=Message)

_CODES = {number: name for name, number in code_pb2.Code.items()}


@dataclass(frozen=True, slots=True)
class Failure:
    """A status with its details.

    Attributes:
        code: Name of the gRPC code.
        message: Text of the status.
        reason: `ErrorInfo.reason`.
        problems: The refused fields that the details name.
        unnamed: Number of further refused fields that did not fit into the details.
        call_id: Id of the call, as in the log of the server.
    """

    code: str
    message: str
    reason: str = ""
    problems: tuple[Problem, ...] = ()
    unnamed: int = 0
    call_id: str = ""

    @property
    def refers_to_nothing(self) -> bool:
        """Whether something that does not exist is one of the problems."""
        return any(problem.reason == ViolationReason.UNKNOWN_REFERENCE for problem in self.problems)

    def lines(self) -> Iterator[str]:
        """Yields the failure as lines: one per refused field, or the message if there are none."""
        if not self.problems:
            yield self.message
        yield from map(str, self.problems)
        if self.unnamed:
            yield f"... and {self.unnamed} more"


def failure_of(status: status_pb2.Status) -> Failure:
    """Returns a status as a failure."""
    info = _detail(status, error_details_pb2.ErrorInfo())
    problems = tuple(_problems(status))
    total = info.metadata.get("violations", "")
    return Failure(
        code=_CODES.get(status.code, str(status.code)),
        message=status.message,
        reason=info.reason,
        problems=problems,
        unnamed=max(0, int(total) - len(problems)) if total.isdecimal() else 0,
        call_id=_detail(status, error_details_pb2.RequestInfo()).request_id,
    )


def failure_of_call(error: grpc.RpcError) -> Failure:
    """Returns a failed call as a failure, also if it did not reach a catalog."""
    return failure_of(status_of(error) or status_pb2.Status(code=error.code().value[0], message=error.details() or ""))


def _problems(status: status_pb2.Status) -> Iterator[Problem]:
    for refused in _detail(status, error_details_pb2.BadRequest()).field_violations:
        yield Problem(refused.field, refused.description, refused.reason)
    for unmet in _detail(status, error_details_pb2.PreconditionFailure()).violations:
        # The message names the subject; a description that is not the message need not.
        subject = "" if status.message.startswith(unmet.description) else unmet.subject
        yield Problem(subject, unmet.description, unmet.type)


def _detail(status: status_pb2.Status, empty: Detail) -> Detail:
    """Returns the detail with the type of `empty`; `empty` itself if there is none."""
    for packed in status.details:
        if packed.Unpack(empty):
            break
    return empty
