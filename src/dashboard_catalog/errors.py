"""The error type of the catalog, and the table that gives each reason its status code.

Every layer raises `CatalogError`; only the outermost layer turns it into a `google.rpc.Status`. The names of `Reason`
and `ViolationReason` are those of the enums `ErrorReason` and `ViolationReason` of the contract, without their
prefixes. A test keeps them equal. This module must not know gRPC.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

T = TypeVar("T")


class Code(StrEnum):
    """The name of a gRPC status code, for code that must not import gRPC."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"
    UNAVAILABLE = "UNAVAILABLE"
    UNAUTHENTICATED = "UNAUTHENTICATED"


class Reason(StrEnum):
    """The reason why a call or an item of a stream failed: `ErrorInfo.reason`."""

    INVALID_REQUEST = "INVALID_REQUEST"
    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    TOKEN_MISSING = "TOKEN_MISSING"
    TOKEN_MALFORMED = "TOKEN_MALFORMED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    TOKEN_INVALID = "TOKEN_INVALID"
    ACTION_DENIED = "ACTION_DENIED"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    NOT_FOUND = "NOT_FOUND"
    ETAG_MISMATCH = "ETAG_MISMATCH"
    STILL_REFERENCED = "STILL_REFERENCED"
    NOT_DELETED = "NOT_DELETED"
    TOO_MANY_FAILURES = "TOO_MANY_FAILURES"
    SESSION_SUPERSEDED = "SESSION_SUPERSEDED"
    SWEEP_IN_PROGRESS = "SWEEP_IN_PROGRESS"
    OFFSET_GAP = "OFFSET_GAP"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    TOO_MANY_CALLS = "TOO_MANY_CALLS"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    CONFLICTING_WRITE = "CONFLICTING_WRITE"
    DRAINING = "DRAINING"
    UNKNOWN_METHOD = "UNKNOWN_METHOD"
    BUG = "BUG"


CODE_OF: Mapping[Reason, Code] = MappingProxyType(
    {
        Reason.INVALID_REQUEST: Code.INVALID_ARGUMENT,
        Reason.MALFORMED_REQUEST: Code.INVALID_ARGUMENT,
        Reason.TOKEN_MISSING: Code.UNAUTHENTICATED,
        Reason.TOKEN_MALFORMED: Code.UNAUTHENTICATED,
        Reason.TOKEN_EXPIRED: Code.UNAUTHENTICATED,
        Reason.TOKEN_INVALID: Code.UNAUTHENTICATED,
        Reason.ACTION_DENIED: Code.PERMISSION_DENIED,
        Reason.ALREADY_EXISTS: Code.ALREADY_EXISTS,
        Reason.NOT_FOUND: Code.NOT_FOUND,
        Reason.ETAG_MISMATCH: Code.ABORTED,
        Reason.STILL_REFERENCED: Code.FAILED_PRECONDITION,
        Reason.NOT_DELETED: Code.FAILED_PRECONDITION,
        Reason.TOO_MANY_FAILURES: Code.FAILED_PRECONDITION,
        Reason.SESSION_SUPERSEDED: Code.FAILED_PRECONDITION,
        Reason.SWEEP_IN_PROGRESS: Code.FAILED_PRECONDITION,
        Reason.OFFSET_GAP: Code.OUT_OF_RANGE,
        Reason.MESSAGE_TOO_LARGE: Code.RESOURCE_EXHAUSTED,
        Reason.TOO_MANY_CALLS: Code.RESOURCE_EXHAUSTED,
        Reason.DATABASE_UNAVAILABLE: Code.UNAVAILABLE,
        Reason.CONFLICTING_WRITE: Code.UNAVAILABLE,
        Reason.DRAINING: Code.UNAVAILABLE,
        Reason.UNKNOWN_METHOD: Code.UNIMPLEMENTED,
        Reason.BUG: Code.INTERNAL,
    }
)


class ViolationReason(StrEnum):
    """The reason why a field was refused: `BadRequest.FieldViolation.reason`."""

    REQUIRED = "REQUIRED"
    TOO_LONG = "TOO_LONG"
    TOO_MANY = "TOO_MANY"
    TOO_LARGE = "TOO_LARGE"
    TOO_DEEP = "TOO_DEEP"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    INVALID_FORMAT = "INVALID_FORMAT"
    INVALID_VALUE = "INVALID_VALUE"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    IMMUTABLE = "IMMUTABLE"
    UNKNOWN_REFERENCE = "UNKNOWN_REFERENCE"
    DELETED_REFERENCE = "DELETED_REFERENCE"
    FAILED_REFERENCE = "FAILED_REFERENCE"
    CONFLICTING_PARTS = "CONFLICTING_PARTS"
    OWNER_RULE = "OWNER_RULE"
    MUTUALLY_EXCLUSIVE = "MUTUALLY_EXCLUSIVE"
    DISABLED_TAG = "DISABLED_TAG"
    CIRCULAR_PARENT = "CIRCULAR_PARENT"
    UNKNOWN_PROPERTY = "UNKNOWN_PROPERTY"
    INVALID_PROPERTY = "INVALID_PROPERTY"
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN"


@dataclass(frozen=True, slots=True)
class Violation:
    """One refused field.

    Attributes:
        field: Path of the field in the request, in snake_case: `dashboard.charts[2]`, `dashboard.extension.KEY`.
        reason: The reason, for programs.
        description: What is wrong and what is expected, for people.
    """

    field: str
    reason: ViolationReason
    description: str

    def under(self, prefix: str) -> "Violation":
        """Returns the same violation with `prefix` before its field path."""
        return Violation(f"{prefix}.{self.field}" if self.field else prefix, self.reason, self.description)


class CatalogError(Exception):
    """A failure that is reported to the caller.

    Attributes:
        reason: Determines the status code (`CODE_OF`).
        message: Text for people. Never contains the text of another exception.
        metadata: `ErrorInfo.metadata`. The contract lists the keys of each reason.
        violations: Refused fields, for INVALID_ARGUMENT.
        resource: Type and name of the resource, for `ResourceInfo`, `PreconditionFailure` and `QuotaFailure`.
        retry_after: Seconds to wait before a retry, for `RetryInfo`.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        resource: tuple[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = metadata or {}
        self.violations = tuple(violations)
        self.resource = resource
        self.retry_after = retry_after

    @property
    def code(self) -> Code:
        """The status code of the reason."""
        return CODE_OF[self.reason]


def invalid(violations: Sequence[Violation]) -> CatalogError:
    """Returns the INVALID_ARGUMENT error that reports all of `violations` at once."""
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return CatalogError(Reason.INVALID_REQUEST, f"{first.field}: {first.description}{more}", violations=violations)


class Violations(list[Violation]):
    """Collects violations, so that one error reports everything that a phase found, each field once."""

    def gather(self, read: Callable[[], T], under: str = "") -> T | None:
        """Returns what `read` returns. If it refuses fields, collects the violations and returns None.

        Args:
            under: Prefix of the field paths of the violations.

        Raises:
            CatalogError: If `read` raises one without violations.
        """
        try:
            return read()
        except CatalogError as error:
            if not error.violations:
                raise
            self.add(error.violations, under)
        return None

    def add(self, violations: Iterable[Violation], under: str = "") -> None:
        """Collects violations of fields that have none yet.

        Args:
            under: Prefix of the field paths of the violations.
        """
        named = {violation.field for violation in self}
        found = (violation.under(under) if under else violation for violation in violations)
        self.extend(violation for violation in found if violation.field not in named)

    def check(self) -> None:
        """Does nothing if there are no violations.

        Raises:
            CatalogError: INVALID_ARGUMENT with all violations.
        """
        if self:
            raise invalid(self)
