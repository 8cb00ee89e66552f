"""The error type of the catalog. `error_codes` has the reasons, and the code of each.

Every layer raises `CatalogError`; only the outermost layer turns it into a `google.rpc.Status`. This module must not
know gRPC.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dashboard_catalog.error_codes import CODE_OF, Code, Reason, ViolationReason

T = TypeVar("T")


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

    @property
    def more(self) -> int:
        """How many fields were refused beside those in `violations`: more than any answer has room for."""
        return int(self.metadata.get("violations", len(self.violations))) - len(self.violations)


def invalid(violations: Sequence[Violation], more: int = 0) -> CatalogError:
    """Returns the INVALID_ARGUMENT error that reports all of `violations` at once.

    Args:
        violations: At least one.
        more: How many fields were refused besides.
    """
    first, count = violations[0], len(violations) + more
    others = f" (and {count - 1} more)" if count > 1 else ""
    return CatalogError(
        Reason.INVALID_REQUEST,
        f"{first.field}: {first.description}{others}",
        metadata={"violations": str(count)} if more else None,
        violations=violations,
    )


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
