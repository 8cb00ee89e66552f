"""The reasons why a reference cannot be used."""

import pytest

from dashboard_catalog.catalog.known.assumed import KnownChart
from dashboard_catalog.catalog.known.unusable import is_left_out, why_unusable
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation
from tests.catalog.model.records import SERVICE

LIVE, DELETED = (KnownChart(SERVICE, None, deleted, deleted_by_edit=False) for deleted in (False, True))


@pytest.mark.parametrize(
    ("found", "failed", "held", "reason", "text"),
    [
        (None, False, False, ViolationReason.UNKNOWN_REFERENCE, "there is no BI service s"),
        (DELETED, False, False, ViolationReason.DELETED_REFERENCE, "BI service s is deleted"),
        (LIVE, True, True, ViolationReason.FAILED_REFERENCE, "BI service s failed in this chunk"),
        (None, True, False, ViolationReason.FAILED_REFERENCE, "BI service s failed in this chunk"),
    ],
)
def test_an_unusable_reference_is_refused_with_its_path(
    found: KnownChart | None, failed: bool, held: bool, reason: ViolationReason, text: str
) -> None:
    refused = why_unusable("charts[2]", "bi_service", "s", found, failed=failed, held=held)

    assert refused == Violation("charts[2]", reason, text)


@pytest.mark.parametrize(("found", "held"), [(LIVE, False), (LIVE, True), (DELETED, True)])
def test_existing_and_held_references_can_be_used(found: KnownChart, held: bool) -> None:
    assert why_unusable("domain", "domain", "sales", found, failed=False, held=held) is None


def test_every_kind_that_a_reference_may_have_is_named() -> None:
    refused = why_unusable("extension.any", ("bi_service", "dashboard"), "x", None, failed=False)

    assert refused is not None
    assert refused.description == "there is no BI service or dashboard x"


@pytest.mark.parametrize(
    ("deleted", "by_edit", "edits", "failed", "left_out"),
    [
        (True, True, False, False, True),
        (True, True, True, False, False),
        (True, False, False, False, False),
        (False, False, False, False, False),
        (True, True, False, True, False),
    ],
)
def test_ingestion_leaves_out_references_to_what_people_deleted(
    deleted: bool, by_edit: bool, edits: bool, failed: bool, left_out: bool
) -> None:
    assert is_left_out(KnownChart(SERVICE, None, deleted, by_edit), edits=edits, failed=failed) == left_out
    assert not is_left_out(None, edits=edits, failed=failed)
