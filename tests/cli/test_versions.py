"""`history`, `diff` and `revert`, through a real port."""

import json

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("sample")

CUSTOMERS = "superset.customers"
RETENTION = "superset.retention"
CHART = ("--kind", "chart")


def changed(run: Run, *assignments: str, name: str = CUSTOMERS, kind: str = "dashboard") -> None:
    flags = [part for one in assignments for part in ("--set", one)]
    assert run("update", name, "--kind", kind, *flags).exit_code == 0


def test_a_history_and_a_diff_read_like_those_of_git(run: Run) -> None:
    changed(run, "displayName=All customers", "description=Who comes.\nWho stays.")
    changed(run, "description=Who comes.\nWho leaves.", "owners=user:amira")

    result = run("history", CUSTOMERS)
    assert (result.exit_code, result.stderr) == (0, "")
    newest, before, first = (part.splitlines() for part in result.stdout.split("\n\n"))
    assert newest[0].startswith("version 0.3  2")
    assert newest[0].endswith("  admin (edit)")
    assert newest[1:] == [
        "    description",
        "      Who comes.",
        "    - Who stays.",
        "    + Who leaves.",
        "    owners",
        "    - revenue",
        "    + amira",
    ]
    assert before[1] == "    display name  Customers -> All customers"
    assert first[0].endswith("  admin (ingestion)")
    assert first[1:] == ["    created"]

    lines = run("diff", CUSTOMERS, "0.1").stdout.splitlines()
    assert lines[0].startswith("--- superset.customers 0.1  2")
    assert lines[1].startswith("+++ superset.customers 0.3  2")
    assert lines[2:] == [
        "display name  Customers -> All customers",
        "description",
        "- Who comes, who stays, who leaves.",
        "+ Who comes.",
        "+ Who leaves.",
        "owners",
        "- revenue",
        "+ amira",
    ]
    assert run("diff", CUSTOMERS).stdout.splitlines()[2:] == [line.removeprefix("    ") for line in newest[1:]]
    assert "display name  All customers -> Customers" in run("diff", CUSTOMERS, "0.2", "0.1").stdout.splitlines()
    same = run("diff", CUSTOMERS, "0.2", "0.2")
    assert (same.exit_code, same.stderr) == (0, "no difference\n")


def test_what_an_imported_version_changed_is_shown_without_the_version_before(run: Run) -> None:
    fields = [{"name": "project", "newValue": "Sales"}]
    preserved = {
        "id": "01a222ed-488d-7d94-b1e4-a7aced3204e7",
        "version": 0.3,
        "updatedAt": "2026-01-01T00:00:00Z",
        "updatedBy": "amira",
        "changeDescription": {"previousVersion": 0.2, "fieldsAdded": fields},
    }
    spec = {"name": "imported", "service": "superset", "project": "Sales"}
    loaded = run("ingest", "-", "--preserve", stdin=json.dumps({"dashboard": spec, "preserved": preserved}))
    assert loaded.exit_code == 0, loaded.output
    result = run("diff", "superset.imported")
    assert (result.exit_code, result.stderr) == (0, "")
    before, after, *changed_fields = result.stdout.splitlines()
    assert before == "--- superset.imported 0.2  (not stored)"
    assert after.startswith("+++ superset.imported 0.3  2")
    assert changed_fields == ["project  (none) -> Sales"]
    assert json.loads(run("diff", "superset.imported", "--json").stdout)["fieldsAdded"] == fields


def test_programs_get_one_message_per_line(run: Run) -> None:
    changed(run, "description=one", name=RETENTION, kind="chart")
    versions = [json.loads(line) for line in run("history", RETENTION, *CHART, "--json").stdout.splitlines()]
    assert [one["version"] for one in versions] == [0.2, 0.1]
    assert [one.get("byIngestion", False) for one in versions] == [False, True]
    described = json.loads(run("diff", RETENTION, *CHART, "--json").stdout)
    assert described["fieldsUpdated"][0]["newValue"] == "one"

    page = run("history", RETENTION, *CHART, "--page-size", 1, "--json")
    assert page.stdout.count("\n") == 1
    token = page.stderr.split("--page-token ")[1].strip()
    page = run("history", RETENTION, *CHART, "--page-size", 1, "--page-token", token)
    assert page.stdout.startswith("version 0.1 ")
    assert page.stderr == ""
    assert run("history", RETENTION, *CHART, "--page-size", 1, "--all").stdout.count("version ") == 2


def test_a_version_is_put_back(run: Run) -> None:
    name = "superset.sales_overview"
    changed(run, "displayName=x", "tags=[]", name=name)
    assert run("revert", name, "0.1", "--dry-run").stdout.startswith(f"would revert {name} to 0.1: version 0.3\n")
    lines = run("revert", name, "0.1").stdout.splitlines()
    assert lines[0] == f"reverted {name} to 0.1: version 0.3"
    assert "  + Tier.Gold" in lines
    assert run("revert", name, "0.1").stdout == f"{name} is unchanged\n"
    assert json.loads(run("revert", name, "0.2", "--json").stdout)["outcome"] == "OUTCOME_UPDATED"

    assert run("delete", "Tier.Gold", "--kind", "tag").exit_code == 0
    result = run("revert", name, "0.1")
    assert result.exit_code == 0
    assert result.stderr == ("Left out, because it cannot be used any more: tags.Tier.Gold (version 0.1 had it)\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["diff", RETENTION.replace("retention", "nothing"), *CHART], "NOT_FOUND: there is no chart superset.nothing"),
        (["diff", 'superset."logistics v2.1"'], 'superset."logistics v2.1" has only version 0.1'),
        (["diff", CUSTOMERS, "0.1", "99"], "NOT_FOUND: "),
        (["history", "amira", "--kind", "user"], "history is for dashboards and charts; a user has no versions"),
        (["diff", "chart", RETENTION], "unexpected argument chart: did you mean --kind chart?"),
        (["diff", CUSTOMERS, "0.1", "newest"], "TO is 'newest', not a version: expected a number such as 0.3"),
        (["diff", CUSTOMERS, "0"], "FROM is '0', not a version"),
        (["diff", CUSTOMERS, "nan"], "FROM is 'nan', not a version"),
        (["revert", RETENTION, "first"], "VERSION is 'first', not a version"),
        (["revert", CUSTOMERS], "give FQN and VERSION, or --session ID"),
        (["revert", CUSTOMERS, "0.1", "--session", "x"], "give FQN and VERSION, or --session ID: a session has no FQN"),
    ],
)
def test_a_wrong_call_is_an_error(run: Run, arguments: list[str], text: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert text in result.stderr
    assert result.stdout == ""
