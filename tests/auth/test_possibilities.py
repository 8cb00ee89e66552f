"""Whoever may do something to any resource is known to, without knowing the resource."""

from pathlib import Path

import cedarpy
import pytest

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.policy_files import read_schema
from dashboard_catalog.auth.possibilities import Possibilities
from dashboard_catalog.auth.principal import Action, Principal


def principal(*roles: str, subject: str = "vera", services: frozenset[str] | None = None) -> Principal:
    return Principal(subject, frozenset(roles), frozenset({"Finance"}), services, bot=False, expires_at=None)


@pytest.mark.parametrize(
    ("role", "create", "update", "write"),
    [
        ("admin", True, True, True),
        ("ingestion_bot", True, True, True),
        ("data_steward", True, True, True),
        ("data_consumer", False, False, False),
        ("unknown", False, False, False),
    ],
)
def test_the_default_policies(role: str, create: bool, update: bool, write: bool) -> None:
    authorizer = Authorizer(None)
    for services in (None, frozenset({"looker"})):
        caller = principal(role, services=services)
        wanted = {Action.CREATE: create, Action.UPDATE: update, Action.WRITE: write}
        assert {each: authorizer.may_allow(caller, each, owns=False) for each in wanted} == wanted
        # Whoever owns something may update that.
        assert authorizer.may_allow(caller, Action.UPDATE, owns=True)
        assert authorizer.may_allow(caller, Action.CREATE, owns=True) is create


@pytest.mark.parametrize(
    ("policy", "possible"),
    [
        ('permit (principal, action, resource in Domain::"Sales");', True),
        ('permit (principal, action, resource) when { resource.kind == "chart" };', True),
        ('permit (principal, action, resource in Domain::"A") unless { resource in Tag::"B.C" };', True),
        ("permit (principal, action, resource) when { resource in principal.owns_as };", False),
        (
            (
                "permit (principal, action, resource)"
                ' when { resource in principal.owns_as || resource in Domain::"Sandbox" };'
            ),
            True,
        ),
        (
            'permit (principal, action, resource) when { resource in Tag::"B.C" && resource in principal.owns_as };',
            False,
        ),
        ('permit (principal == User::"adam", action, resource);', False),
        (r'permit (principal == User::"a\"b\\c\u{e9}\n", action, resource);', True),
        ('permit (principal in Role::"editor", action in [Action::"view", Action::"delete"], resource);', False),
        ('permit (principal in Role::"editor", action in [Action::"view", Action::"update"], resource);', True),
        ("permit (principal, action, resource); forbid (principal, action, resource);", False),
        ('permit (principal, action, resource); forbid (principal, action, resource in Domain::"A");', True),
        ("permit (principal, action, resource) when { principal.bot };", False),
    ],
)
def test_other_policies(policy: str, possible: bool) -> None:
    assert cedarpy.validate_policies(policy, read_schema())
    possibilities = Possibilities(cedarpy.PolicySet.from_str(policy))
    caller = principal("editor", subject='a"b\\cé\n' if "e9" in policy else "vera")

    assert possibilities.may_allow(caller, Action.UPDATE, owns=False) is possible


def test_any_subject_can_be_asked_about() -> None:
    possibilities = Possibilities(cedarpy.PolicySet.from_str('permit (principal == User::"adam", action, resource);'))

    for subject in ("o'neil", 'a"b\\c\n', "auth0|1", "\N{HORSE FACE}"):
        assert not possibilities.may_allow(principal(subject=subject), Action.UPDATE, owns=True)
    # Cedar cannot read this one. Nobody is shut out for such a reason.
    assert possibilities.may_allow(principal(subject="\x01"), Action.UPDATE, owns=True)


def test_changed_policies_change_the_answer(tmp_path: Path) -> None:
    file = tmp_path / "one.cedar"
    file.write_text("permit (principal, action, resource);")
    authorizer = Authorizer(tmp_path)
    assert authorizer.may_allow(principal(), Action.UPDATE, owns=False)

    file.write_text("forbid (principal, action, resource);")
    assert authorizer.reload_if_changed()
    assert not authorizer.may_allow(principal(), Action.UPDATE, owns=False)


@pytest.mark.parametrize(
    ("policies", "everything"),
    [
        ('permit (principal, action == Action::"view", resource);', True),
        ('permit (principal in Role::"analyst", action, resource);', True),
        ('permit (principal in Role::"other", action, resource);', False),
        ('permit (principal, action == Action::"update", resource);', False),
        ("permit (principal, action, resource is Asset);", False),
        ("permit (principal, action, resource) when { resource has service };", False),
        ('permit (principal, action, resource); forbid (principal, action, resource in Domain::"HR");', False),
        ("permit (principal, action, resource); forbid (principal, action, resource) when { principal.bot };", True),
        (
            """
            permit (principal, action, resource);
            forbid (principal in Role::"other", action, resource) when { resource has service };
            """,
            True,
        ),
        # A policy that fails may be one that forbids.
        (
            f"""
            permit (principal, action, resource);
            forbid (principal, action, resource) when {{ {2**63 - 1} + 1 == 0 }};
            """,
            False,
        ),
    ],
)
def test_a_caller_may_view_everything_if_no_resource_can_change_the_decision(policies: str, everything: bool) -> None:
    assert cedarpy.validate_policies(policies, read_schema())
    possibilities = Possibilities(cedarpy.PolicySet.from_str(policies))
    assert possibilities.allows_everything(principal("analyst", subject='an"a\\lyst'), Action.VIEW) is everything
