"""`list`, through a real port."""

import json

import pytest

from dashboard_catalog.cli import output
from tests.cli.conftest import SAMPLE, Run


@pytest.fixture(autouse=True)
def _sample(server: str, run: Run) -> None:
    assert server
    assert run("ingest", SAMPLE).exit_code == 0


def test_dashboards_are_printed_as_a_table(run: Run) -> None:
    header, *rows = run("list").stdout.splitlines()
    assert header.split("  ")[0] == "dashboard"
    assert [row.split("  ")[0] for row in rows] == [
        "superset.customers",
        'superset."logistics v2.1"',
        "superset.sales_overview",
    ]
    assert "user:amira, user:jonas" in rows[2]


def test_owners_and_tags_are_one_below_the_other_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    rows = run("list").stdout.splitlines()[-2:]
    assert [row.split()[-3:] for row in rows] == [["user:amira", "Tier.Gold", "0.1"], ["user:jonas"]]


def test_json_output_has_one_message_per_line(run: Run) -> None:
    lines = run("list", "--kind", "chart", "--json").stdout.splitlines()
    assert len(lines) == 12
    assert all(json.loads(line)["fullyQualifiedName"].startswith("superset.") for line in lines)


def test_listed_json_can_be_ingested(run: Run) -> None:
    for kind in ("dashboard", "chart", "bi_service", "tag"):
        listed = run("list", "--kind", kind, "--json", "--all").stdout
        result = run("ingest", "-", stdin=listed)
        assert result.exit_code == 0, result.output


def test_a_page_says_how_to_get_the_next_one(run: Run) -> None:
    every = run("list", "--kind", "chart", "--json").stdout.splitlines()
    first = run("list", "--kind", "chart", "--page-size", "5", "--json")
    assert first.stderr.startswith("There are more. List all with --all, or the next page with --page-token ")
    token = first.stderr.split("--page-token ")[1].split()[0]
    second = run("list", "--kind", "chart", "--page-size", "5", "--page-token", token, "--json")
    listed = [*first.stdout.splitlines(), *second.stdout.splitlines()]
    assert [json.loads(line)["id"] for line in listed] == [json.loads(line)["id"] for line in every[:10]]


def test_all_pages_are_listed(run: Run) -> None:
    result = run("list", "--kind", "chart", "--page-size", "5", "--json", "--all")
    assert len(result.stdout.splitlines()) == 12
    assert result.stderr == ""


def test_an_empty_list_prints_no_table(run: Run) -> None:
    result = run("list", "--name-prefix", "nothing")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == "no dashboard found\n"


def test_the_total_is_shown(run: Run) -> None:
    assert run("list", "--total", "--page-size", "1").stderr.startswith("3 in total\n")


def test_filters_are_sent(run: Run) -> None:
    def names(*flags: str) -> list[str]:
        lines = run("list", "--json", *flags).stdout.splitlines()
        return [json.loads(line)["name"] for line in lines]

    assert names("--owner", "user:amira") == ["sales_overview"]
    assert names("--domain", "Commerce.Sales") == ["sales_overview"]
    assert names("--tag", "PII") == ["customers"]
    assert names("--project", "Operations") == ["logistics v2.1"]
    assert names("--name-prefix", "c", "--service-type", "Superset") == ["customers"]
    assert names("--deleted", "only") == []
    assert names("--missing", "tags") == ["logistics v2.1"]
    assert names("--missing", "tags", "--missing", "owners") == []
    assert names("--updated-by", "nobody") == []
    assert len(names("--updated-by", "admin", "--updated-after", "2026-01-01", "--updated-before", "9999-01-01")) == 3
    assert names("--updated-before", "2026-01-01 14:05+01:00") == []
    assert names("--order-by", "name desc")[0] == "sales_overview"
    assert len(names("--kind", "chart", "--dashboard", "superset.customers")) == 4


@pytest.mark.parametrize(
    ("kind", "flag"),
    [("chart", "--project"), ("dashboard", "--dashboard"), ("user", "--service"), ("tag", "--order-by")],
)
def test_a_filter_of_another_kind_is_wrong_usage(run: Run, kind: str, flag: str) -> None:
    result = run("list", "--kind", kind, flag, "x")
    assert result.exit_code == 2
    assert f"{flag} does not apply to a list of {kind}s" in result.stderr


def test_a_time_that_is_none_is_wrong_usage(run: Run) -> None:
    result = run("list", "--updated-after", "yesterday")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: --updated-after: 'yesterday' is not a time; expected a date or a time")


def test_the_error_for_an_unknown_field_names_it(run: Run) -> None:
    result = run("list", "--order-by", "size")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: INVALID_ARGUMENT: order_by: ")
