"""`update`, `delete` and `restore`, through a real port."""

import json

import pytest

from tests.cli.conftest import Run
from tests.cli.terminal import at_terminal

pytestmark = pytest.mark.usefixtures("sample")

CUSTOMERS = "superset.customers"
LOGISTICS = 'superset."logistics v2.1"'


def shown(run: Run, name: str, *flags: str) -> dict[str, object]:
    got: dict[str, object] = json.loads(run("get", name, "--json", *flags).stdout)
    return got


def update(run: Run, *assignments: str, name: str = CUSTOMERS) -> list[str]:
    result = run("update", name, *(part for one in assignments for part in ("--set", one)))
    assert result.exit_code == 0, result.stderr
    return [line.strip() for line in result.stdout.splitlines()]


def test_fields_are_set_and_cleared_and_the_change_is_shown(run: Run) -> None:
    lines = update(
        run,
        "description=Who comes.\nWho stays, who leaves.",
        'displayName="42"',
        "owners=user:amira",
        "owners=user:jonas",
        "tags=Tier.Gold",
        'charts=["superset.retention"]',
        "extension.costCentre=CC-7",
        "project=7",
    )
    assert lines[0] == "updated superset.customers: version 0.2"
    assert "display name  Customers -> 42" in lines
    assert lines[lines.index("owners") + 1 :][:3] == ["- revenue", "+ amira", "+ jonas"]
    assert lines[lines.index("description") + 1 :][:3] == [
        "- Who comes, who stays, who leaves.",
        "+ Who comes.",
        "+ Who stays, who leaves.",
    ]
    assert "extension.costCentre  CC-1042 -> CC-7" in lines
    after = shown(run, CUSTOMERS)
    assert after["project"] == "7"
    assert after["extension"] == {"costCentre": "CC-7", "refresh": ["daily"]}
    assert update(run, "project=7") == ["superset.customers is unchanged"]

    result = run("update", CUSTOMERS, "--clear", "extension.refresh", "--clear", "display_name", "--json")
    assert json.loads(result.stdout)["version"] == 0.3
    assert result.stdout.count("\n") == 1
    after = shown(run, CUSTOMERS)
    assert after["extension"] == {"costCentre": "CC-7"}
    assert "displayName" not in after
    assert update(run, "owners=[]")[-2:] == ["- amira", "- jonas"]

    result = run("update", CUSTOMERS, "--set", "project=8", "--dry-run")
    assert result.stdout.splitlines()[0] == "would update superset.customers: version 0.5"
    assert shown(run, CUSTOMERS)["project"] == "7"


def test_what_people_have_decided_is_released(run: Run) -> None:
    update(run, "description=x", "extension.costCentre=CC-1", "tags=Tier.Gold", name=LOGISTICS)
    assert "edited" in shown(run, LOGISTICS)
    names = ["description", "extension.costCentre", "tags.Tier.Gold"]
    result = run("update", LOGISTICS, *(part for one in names for part in ("--release", one)))
    assert result.stdout == f"released {', '.join(names)} of {LOGISTICS}\n"
    assert "edited" not in shown(run, LOGISTICS)


def test_entities_are_updated_deleted_and_restored(run: Run) -> None:
    flags = ("--kind", "user")
    result = run(
        "update", "amira", *flags, "--set", "email=a@example.com", "--set", "isBot=true", "--clear", "displayName"
    )
    assert result.exit_code == 0, result.stderr
    assert "  email  amira@example.com -> a@example.com" in result.stdout.splitlines()
    user = json.loads(run("get", "amira", *flags, "--json").stdout)["user"]
    assert (user["email"], user["isBot"], user.get("displayName")) == ("a@example.com", True, None)
    assert run("update", "amira", *flags, "--set", "isBot=true").stdout == "amira is unchanged\n"
    assert run("update", "nobody", *flags, "--set", "isBot=true").stderr.startswith("Error: NOT_FOUND: ")

    assert run("delete", "amira", *flags).stdout == "deleted amira\n"
    refused = run("update", "amira", *flags, "--set", "isBot=false")
    assert refused.stderr == "Error: amira is deleted: restore it first, with `restore amira --kind user`\n"
    assert run("restore", "amira", *flags).stdout == "restored amira\n"
    assert run("restore", "amira", *flags).stderr == "Error: amira is not deleted\n"
    assert json.loads(run("delete", "amira", *flags, "--json").stdout)["user"]["deleted"] is True
    assert "deleted" not in json.loads(run("restore", "amira", *flags, "--json").stdout)["user"]
    result = run("update", "PII.Email", "--kind", "tag", "--set", "description=An address.")
    assert result.stdout.splitlines()[0] == "updated PII.Email"


def test_an_asset_is_deleted_and_restored(run: Run) -> None:
    name, flags = "superset.retention", ("--kind", "chart")
    deleted = run("delete", name, *flags)
    assert deleted.stdout == f"deleted {name}: version 0.2\n"
    assert deleted.stderr == f"Bring it back with: dashboard-catalog restore {name} --kind chart\n"
    again = run("delete", name, *flags)
    assert again.exit_code == 2
    assert again.stderr.startswith("Error: NOT_FOUND: ")
    missing = run("delete", name, *flags, "--allow-missing")
    assert (missing.exit_code, missing.stdout) == (0, "")
    assert missing.stderr == f"there is no chart {name}: nothing to delete\n"
    assert json.loads(run("restore", name, *flags, "--json").stdout)["version"] == 0.3


def test_a_hard_deletion_asks_at_a_terminal_and_needs_yes_elsewhere(run: Run) -> None:
    name = "superset.sales_overview"
    refused = run("delete", name, "--hard")
    assert refused.exit_code == 2
    assert refused.stderr.endswith("confirm with --yes.\n")
    assert run("delete", name, "--hard", "--dry-run").stdout == f"would delete {name} for good\n"
    status, shown_to_person = at_terminal("n\n", "delete", name, "--hard")
    assert status == 2
    assert f"Delete dashboard {name} and its history for good? [y/N]" in shown_to_person
    assert "nothing was deleted" in shown_to_person
    assert shown(run, name)["version"] == 0.1
    assert at_terminal("y\n", "delete", name, "--hard")[0] == 0
    assert run("get", name, "--deleted").exit_code == 2
    assert run("delete", name, "--hard", "--yes", "--allow-missing").exit_code == 0


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ([], "nothing to do: give --set FIELD=VALUE, --clear FIELD or --release FIELD"),
        (["--set", "descripton=x"], "--set descripton: unknown field; did you mean description?"),
        (["--clear", "zzz"], "--clear zzz: unknown field; a dashboard has display_name, description, "),
        (["--set", "name=x"], "--set name: is part of the name of a dashboard; use `rename`"),
        (["--set", "description"], "--set description: expected FIELD=VALUE"),
        (["--set", "project=a", "--clear", "project"], "--clear project: the field is already given a value"),
        (
            ["--set", "description=null"],
            "--set description: null is no value; clear the field with --clear description",
        ),
        (["--set", "owners=amira"], "--set owners: 'amira' is not an owner; expected user:NAME or team:NAME"),
        (["--set", 'tags=["A.B"'], """--set tags: '["A.B"' is not JSON; expected a list such as"""),
        (["--set", 'tags=[{"tagFqn": "A.B"}]'], "--set tags.tagFqn: unknown field"),
        (["--set", "charts=[1]"], "--set charts[0]: is a number, not a string"),
        (
            ["--kind", "user", "--etag", "x", "--set", "email=x"],
            "--etag is for dashboards and charts; a user has no versions",
        ),
        (["--kind", "user", "--set", "isBot=maybe"], "--set isBot: 'maybe' is not JSON; expected true or false"),
        (
            ["--kind", "tag", "--set", "classification=x"],
            "--set classification: is part of the name of a tag; it cannot",
        ),
    ],
)
def test_the_error_for_a_wrong_field_names_it(run: Run, flags: list[str], text: str) -> None:
    result = run("update", CUSTOMERS, *flags)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {text}")
    assert result.stderr.count("\n") == 1
