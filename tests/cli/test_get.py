"""`get`, through a real port."""

import json

import pytest

from tests.cli.conftest import SAMPLE, Run


@pytest.fixture(autouse=True)
def _sample(server: str, run: Run) -> None:
    assert server
    assert run("ingest", SAMPLE).exit_code == 0


def test_a_dashboard_is_shown_field_by_field(run: Run) -> None:
    result = run("get", "superset.customers")
    assert result.exit_code == 0
    shown = [line.rstrip() for line in result.stdout.splitlines()]
    assert "fully qualified name  superset.customers" in shown
    assert "owners                team:revenue (Revenue Analytics)" in shown
    assert "extension             costCentre: CC-1042" in shown
    assert '                      refresh: ["daily"]' in shown


def test_a_quoted_name_is_found(run: Run) -> None:
    result = run("get", 'superset."logistics v2.1"')
    assert result.exit_code == 0
    assert "logistics v2.1" in result.stdout


def test_json_output_is_the_message(run: Run) -> None:
    shown = json.loads(run("get", "superset.customers", "--json").stdout)
    assert shown["fullyQualifiedName"] == "superset.customers"
    assert shown["extension"] == {"costCentre": "CC-1042", "refresh": ["daily"]}
    assert [tag["tagFQN"] for tag in shown["tags"]] == ["PII.Email", "Tier.Silver"]


@pytest.mark.parametrize(
    ("kind", "name", "wrapper"),
    [
        ("chart", "superset.retention", None),
        ("bi_service", "superset", "biService"),
        ("user", "amira", "user"),
        ("team", "revenue", "team"),
        ("domain", "Commerce.Sales", "domain"),
        ("classification", "Tier", "classification"),
        ("tag", "PII.Email", "tag"),
    ],
)
def test_every_kind_is_shown(run: Run, kind: str, name: str, wrapper: str | None) -> None:
    assert name in run("get", name, "--kind", kind).stdout
    shown = json.loads(run("get", name, "--kind", kind, "--json").stdout)
    assert (shown[wrapper] if wrapper else shown)["fullyQualifiedName"] == name


def test_an_unknown_name_is_an_error_that_thinks_of_the_kind(run: Run) -> None:
    result = run("get", "superset.retention")
    assert result.exit_code == 2
    assert result.stdout == ""
    error, hint, _ = result.stderr.splitlines()
    assert error == "Error: NOT_FOUND: there is no dashboard superset.retention"
    assert hint == "If it is a chart or an entity, add --kind."
    for arguments in (["superset.nothing", "--kind", "chart"], ["superset.customers", "--version", "7"]):
        assert "--kind" not in run("get", *arguments).stderr
    assert result.stderr.startswith("Error: NOT_FOUND: ")


def test_entities_have_no_versions(run: Run) -> None:
    result = run("get", "amira", "--kind", "user", "--version", "0.2")
    assert result.exit_code == 2
    assert "--version is for dashboards and charts" in result.stderr
