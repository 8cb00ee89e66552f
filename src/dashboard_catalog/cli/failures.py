"""Why a call or an item failed, for people: what a `google.rpc.Status` and its details say."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from dashboard_catalog.sources.problems import Problem
from dashboard_catalog_client import status_of

Detail = TypeVar("Detail", bound=Message)

_CODES = {number: name for name, number in code_pb2.Code.items()}


class CommandError(Exception):
    """A command was used wrongly or could not be done; its text is for people."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a status says.

    Attributes:
        code: Name of the gRPC code.
        message: The text of the status.
        reason: `ErrorInfo.reason`.
        problems: Every refused field that the details name.
        unnamed: How many more there are that did not fit into the details.
        call_id: Leads to the server's log.
    """

    code: str
    message: str
    reason: str = ""
    problems: tuple[Problem, ...] = ()
    unnamed: int = 0
    call_id: str = ""

    def lines(self) -> Iterator[str]:
        """Yields the failure as lines: the fields where there are any, else the message."""
        if not self.problems:
            yield self.message
        yield from map(str, self.problems)
        if self.unnamed:
            yield f"... and {self.unnamed} more"


def failure_of(status: status_pb2.Status) -> Failure:
    """Returns what a status and its details say."""
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
    """Returns what a failed call says, whether or not a server of the catalog answered it."""
    return failure_of(status_of(error) or status_pb2.Status(code=error.code().value[0], message=error.details() or ""))


def _problems(status: status_pb2.Status) -> Iterator[Problem]:
    for refused in _detail(status, error_details_pb2.BadRequest()).field_violations:
        yield Problem(refused.field, refused.description, refused.reason)
    for unmet in _detail(status, error_details_pb2.PreconditionFailure()).violations:
        yield Problem(unmet.subject, unmet.description, unmet.type)


def _detail(status: status_pb2.Status, empty: Detail) -> Detail:
    """Returns the detail of the type of `empty`, or `empty` itself if there is none."""
    for packed in status.details:
        if packed.Unpack(empty):
            break
    return empty
