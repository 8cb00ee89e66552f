"""What the errors of refused items say of the things that they refer to.

An error is made for who sent the item, who may have seen more than who reads it later.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.catalog.properties.types import REFERENCE_KINDS
from dashboard_catalog.catalog.visibility.sight import KINDS_OF_SERVICES
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid

_PATH = re.compile(r"\.(charts\[|extension\.)")
_REASONS = {
    ViolationReason.UNKNOWN_REFERENCE,
    ViolationReason.DELETED_REFERENCE,
    ViolationReason.FAILED_REFERENCE,
    ViolationReason.CONFLICTING_PARTS,
}
_LABELS = {label: kind for kind in (*REFERENCE_KINDS, "custom_property") for label in (kind, label_of(kind))}
_LABEL = "|".join(sorted(map(re.escape, _LABELS), reverse=True))
_TEXT = re.compile(
    rf"(?:there is no |.* is that of )?(?P<labels>(?:{_LABEL})(?: or (?:{_LABEL}))*) (?P<name>.+?)"
    r"(?: is deleted| failed in this chunk|;.*)?",
    re.DOTALL,
)
_HIDDEN = "refers to nothing that you may view"


class _Target(NamedTuple):
    """What a reference names.

    Attributes:
        kinds: The kinds that it may have, of those that belong to BI services.
        service: Raw name of its BI service; empty if the text does not say it.
    """

    kinds: Collection[str]
    service: str


def named_services(errors: Collection[CatalogError]) -> set[str]:
    """Returns the raw names of the BI services of everything that items cannot refer to."""
    return {target.service for error in errors for violation in error.violations for target in _targets(violation)}


def without_hidden(error: CatalogError, viewable: Mapping[str, Collection[str]]) -> CatalogError:
    """Returns an error that does not say why something cannot be referred to that a caller may not view.

    Args:
        viewable: The raw names of the BI services whose things of each kind the caller may view.
    """
    violations = [_without_hidden(one, viewable) for one in error.violations]
    if violations == list(error.violations):
        return error
    return CatalogError(
        error.reason,
        invalid(violations, error.more).message,
        metadata=error.metadata,
        violations=violations,
        resource=error.resource,
    )


def _without_hidden(violation: Violation, viewable: Mapping[str, Collection[str]]) -> Violation:
    for target in _targets(violation):
        if not all(target.service in viewable[kind] for kind in target.kinds):
            return Violation(violation.field, ViolationReason.UNKNOWN_REFERENCE, _HIDDEN)
    return violation


def _targets(violation: Violation) -> Iterator[_Target]:
    """Yields what a violation is about, if that may belong to a BI service."""
    if violation.reason not in _REASONS or not _PATH.search(violation.field):
        return
    found = _TEXT.fullmatch(violation.description)
    if found is None:
        # Nobody can say what it is about.
        yield _Target(KINDS_OF_SERVICES, "")
    elif kinds := KINDS_OF_SERVICES & {_LABELS[label] for label in found["labels"].split(" or ")}:
        yield _Target(kinds, _service(found["name"]))


def _service(name: str) -> str:
    try:
        return names.split(name)[0]
    except names.NameSyntaxError:
        return ""
