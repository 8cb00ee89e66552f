"""`rename`, through a real port."""

import json

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("sample")


def test_an_asset_gets_another_name_and_keeps_its_history(run: Run) -> None:
    name, renamed = "superset.customers", "superset.clients"
    assert run("rename", name, "clients", "--dry-run").stdout == f"would rename {name} to {renamed}: version 0.2\n"
    assert run("rename", name, "clients").stdout == f"renamed {name} to {renamed}: version 0.2\n"
    assert run("rename", renamed, "clients").stdout == f"{renamed} is unchanged\n"
    assert "    name  customers -> clients" in run("history", renamed).stdout.splitlines()
    former = run("get", name)
    assert former.exit_code == 2
    assert renamed in former.stderr
    assert json.loads(run("rename", renamed, "a.b", "--json").stdout)["fullyQualifiedName"] == 'superset."a.b"'


def test_an_entity_gets_another_name(run: Run) -> None:
    assert run("rename", "Commerce", "Trade", "--kind", "domain").stdout == "renamed Commerce to Trade\n"
    assert json.loads(run("rename", "Trade.Sales", "Revenue", "--kind", "domain", "--json").stdout)["domain"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["superset.retention", "superset.x"], "NEW is the name alone, without superset: did you mean x?"),
        (['superset."logistics v2.1"', "superset.x"], "NEW is the name alone, without superset: did you mean x?"),
        (["superset.retention", "x::y", "--kind", "chart"], "INVALID_ARGUMENT: new_name: "),
        (["superset.nothing", "x"], "NOT_FOUND: there is no dashboard superset.nothing"),
        (["amira", "x", "--kind", "user"], "INVALID_ARGUMENT: "),
        (["PII", "x", "--kind", "classification", "--etag", "1"], "--etag is for dashboards and charts"),
        (["superset.retention", "x", "y"], "unexpected argument y; put a name with spaces in quotes"),
    ],
)
def test_a_wrong_call_is_an_error(run: Run, arguments: list[str], text: str) -> None:
    result = run("rename", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {text}")
