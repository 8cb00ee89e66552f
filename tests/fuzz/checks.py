"""What must hold for every answer, whatever the request was."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc.aio
from google.protobuf import any_pb2
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

from dashboard_catalog.error_codes import Reason
from dashboardcatalog.v1.bulk_pb2 import BulkUpsertResponse

DOMAIN = "dashboardcatalog.v1"
MAX_ANSWER_BYTES = 4 * 2**20

_NEVER = frozenset(("INTERNAL", "UNKNOWN", "CANCELLED", "DEADLINE_EXCEEDED", "DATA_LOSS", "UNAVAILABLE"))
_REASONS = frozenset(reason.value for reason in Reason) - {Reason.BUG.value}
# The client of grpc.aio says this, and does not know the status, if a stream ends while it still writes.
_LOST = "Internal error from Core"
# gRPC itself says this, and knows no details, when it reads the length of a message over 5 MiB; see docs/limits.md.
_TOO_LARGE = re.compile(r"SERVER: Received message larger than max \([0-9]+ vs\. 5242880\)")
# What only a text of an exception has.
_EXCEPTION = re.compile(
    r"Traceback|\w(Error|Exception)\b|<class |object at 0x|\.py\b|sqlalchemy|sqlite3|asyncpg|pydantic"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended.

    Attributes:
        code: Name of its code.
        message: Text of its status.
        details: The status in its trailers, as bytes; None if there is none.
        responses: What it returned.
    """

    code: str
    message: str = ""
    details: bytes | None = None
    responses: tuple[Any, ...] = ()


def exception_in(said: str) -> str | None:
    """Returns what only a text of an exception has, if it is in a text."""
    found = _EXCEPTION.search(said)
    return found[0] if found else None


def answer_of(error: grpc.aio.AioRpcError, responses: Iterable[Any] = ()) -> Answer:
    """Returns the answer of a call that failed."""
    if error.details() == _LOST:
        return Answer("OK", responses=tuple(responses))
    trailers: dict[str, Any] = dict(error.trailing_metadata())
    details = trailers.get("grpc-status-details-bin")
    return Answer(error.code().name, error.details() or "", details, tuple(responses))


def problem_of(answer: Answer) -> str | None:
    """Returns what is wrong with an answer, or None."""
    return next(_problems(answer), None)


def _problems(answer: Answer) -> Iterator[str]:
    if answer.code in _NEVER:
        yield f"{answer.code}: {answer.message}"
    if answer.code != "OK" and not _is_refused_by_transport(answer):
        if answer.details is None:
            yield f"{answer.code} without details: {answer.message}"
        else:
            yield from _problems_of_status(Status.FromString(answer.details))
    for response in answer.responses:
        if response.ByteSize() > MAX_ANSWER_BYTES:
            yield f"an answer of {response.ByteSize()} bytes"
        if isinstance(response, BulkUpsertResponse):
            for result in response.progress.results:
                if result.HasField("status") and result.status.code:
                    yield from _problems_of_status(result.status)


def _is_refused_by_transport(answer: Answer) -> bool:
    return answer.code == "RESOURCE_EXHAUSTED" and _TOO_LARGE.fullmatch(answer.message) is not None


def _problems_of_status(status: Status) -> Iterator[str]:
    infos = [_info(packed) for packed in status.details if packed.TypeName() == "google.rpc.ErrorInfo"]
    if [info.domain for info in infos] != [DOMAIN]:
        yield f"not one ErrorInfo of the catalog: {status.message}"
    elif infos[0].reason not in _REASONS:
        yield f"reason {infos[0].reason}: {status.message}"
    if found := exception_in(str(status)):
        yield f"text of an exception ({found}): {status.message}"


def _info(packed: any_pb2.Any) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    packed.Unpack(info)
    return info
