"""Which errors of refused items say more than a later reader may know."""

import pytest

from dashboard_catalog.catalog.bulk.failure_texts import named_services, without_hidden
from dashboard_catalog.catalog.visibility.sight import KINDS_OF_SERVICES
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid

_VIEWABLE = {kind: {"superset", "a b"} for kind in KINDS_OF_SERVICES}


@pytest.mark.parametrize(
    "text",
    [
        "there is no chart superset.c9",
        "there is no chart superset.a; it has been renamed to superset.b",
        "chart a b.x failed in this chunk",
        "id and name do not belong together: one is that of dashboard superset.x",
        "there is no user vault",
        "custom property dashboard.vault failed in this chunk",
    ],
)
def test_errors_about_what_a_reader_may_view_stay(text: str) -> None:
    error = invalid([Violation("dashboard.extension.refs[0]", ViolationReason.FAILED_REFERENCE, text)])
    assert without_hidden(error, _VIEWABLE) is error


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("there is no chart vault.c9", "vault"),
        ("there is no chart vault.a; it has been renamed to vault.b", "vault"),
        ("chart vault.superset.c is deleted", "vault"),
        ("there is no BI service vault", "vault"),
        ("there is no dashboard or chart or user with the id 5", "with the id 5"),
        ("id and name do not belong together: one is that of dashboard vault.x", "vault"),
        ("something new about vault", ""),
    ],
)
def test_errors_about_other_things_say_the_same_of_all_of_them(text: str, service: str) -> None:
    error = invalid([Violation("dashboard.charts[1]", ViolationReason.DELETED_REFERENCE, text)])
    (shown,) = without_hidden(error, _VIEWABLE).violations
    assert named_services([error]) <= {service, "vault"}
    assert (shown.reason, shown.description) == ("UNKNOWN_REFERENCE", "refers to nothing that you may view")
    assert "vault" not in without_hidden(error, _VIEWABLE).message
