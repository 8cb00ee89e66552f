"""docs/security.md: the table of roles matches the default policies, and the example of a policy works."""

import shutil
from pathlib import Path

import pytest

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.policy_files import DEFAULT_FOLDER
from dashboard_catalog.auth.principal import Action, Principal, Resource
from tests.docs.conftest import ROOT
from tests.docs.session import File, steps_of

SECURITY = ROOT.joinpath("docs/security.md").read_text()
ROLES = ["admin", "data_steward", "ingestion_bot", "data_consumer", "owner"]
ASSETS = ["dashboard", "chart"]
ROWS = {
    "view": (Action.VIEW, ASSETS),
    "create": (Action.CREATE, ASSETS),
    "update": (Action.UPDATE, ASSETS),
    "soft-delete (`delete`)": (Action.DELETE, ASSETS),
    "restore what people deleted (`restore`)": (Action.RESTORE, ASSETS),
    "restore what ingestion deleted (`restore`)": (Action.RESTORE, ASSETS),
    "sweep": (Action.SWEEP, ASSETS),
    "delete for good (`hard_delete`)": (Action.HARD_DELETE, ASSETS),
    "overwrite what people have decided (`override_metadata`)": (Action.OVERRIDE_METADATA, ASSETS),
    "see and revert the bulk sessions of others (`revert_session`)": (Action.REVERT_SESSION, ["bi_service"]),
    "export the catalog, and import it with ids, versions and marks (`preserve`)": (Action.PRESERVE, [*ASSETS, "user"]),
    "rename BI services, teams, domains, classifications, tags (`rename`)": (
        Action.RENAME,
        ["bi_service", "team", "domain", "classification", "tag"],
    ),
    "write domains, classifications, tags": (Action.WRITE, ["domain", "classification", "tag"]),
    "write BI services": (Action.WRITE, ["bi_service"]),
    "write users, teams, custom properties": (Action.WRITE, ["user", "team", "custom_property"]),
}


def caller(*roles: str) -> Principal:
    return Principal("ann", frozenset(roles), frozenset(), None, bot=False, expires_at=None)


@pytest.fixture(scope="module")
def default_policies() -> Authorizer:
    return Authorizer(None)


def test_the_table_of_roles_matches_the_default_policies(default_policies: Authorizer) -> None:
    rows = ["| may |" + "".join(f" {role} |" for role in ROLES), "|---|" + "---|" * len(ROLES)]
    for what, (action, kinds) in ROWS.items():
        by = "ingestion" if "ingestion" in what else "edit"
        cells = [_cell({_may(default_policies, role, action, kind, by) for kind in kinds}) for role in ROLES]
        rows.append(f"| {what} |" + "".join(cells))
    assert "\n".join([*rows, ""]) in SECURITY


def _may(policies: Authorizer, role: str, action: Action, kind: str, deleted_by: str) -> bool:
    owners = frozenset({"user:ann"}) if role == "owner" else frozenset[str]()
    return policies.allows(caller(role), action, Resource(kind, owners=owners, deleted_by=deleted_by))


def _cell(answers: set[bool]) -> str:
    [may] = answers
    return " yes |" if may else " |"


def test_the_policy_in_the_example_works_as_described(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(DEFAULT_FOLDER, folder)
    [policy] = [step for step in steps_of(SECURITY) if isinstance(step, File)]
    tmp_path.joinpath(policy.name).write_text(policy.content)
    policies = Authorizer(folder)
    for domain, may in {"Commerce": True, "Commerce.Sales": True, "Finance": False, None: False}.items():
        assert policies.allows(caller("analyst"), Action.UPDATE, Resource("dashboard", domain=domain)) is may
    assert policies.allows(caller("analyst"), Action.VIEW, Resource("dashboard", service="superset"))
    assert not policies.allows(caller("analyst"), Action.DELETE, Resource("dashboard", domain="Commerce"))
