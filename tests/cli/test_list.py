"""`list`, through a real port."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"


@pytest.fixture(autouse=True)
def _sample(server: str, run: Run) -> None:
    assert server
    assert run("ingest", SAMPLE).exit_code == 0


def test_dashboards_are_a_table(run: Run) -> None:
    header, *rows = run("list").stdout.splitlines()
    assert header.split("  ")[0] == "dashboard"
    assert [row.split("  ")[0] for row in rows[:1]] == ['superset."logistics v2.1"']
    assert any("user:amira" in row for row in rows)


def test_json_is_one_message_a_line(run: Run) -> None:
    lines = run("list", "--kind", "chart", "--json").stdout.splitlines()
    assert len(lines) == 12
    assert all(json.loads(line)["fullyQualifiedName"].startswith("superset.") for line in lines)


def test_what_is_listed_as_json_can_be_ingested(run: Run) -> None:
    for kind in ("dashboard", "chart", "bi_service", "tag"):
        listed = run("list", "--kind", kind, "--json", "--all").stdout
        result = run("ingest", "-", stdin=listed)
        assert result.exit_code == 0, result.output


def test_a_page_says_that_there_are_more(run: Run) -> None:
    first = run("list", "--kind", "chart", "--page-size", "5", "--json")
    assert len(first.stdout.splitlines()) == 5
    assert first.stderr.startswith("There are more: --all lists them all, --page-token 5 ")
    second = run("list", "--kind", "chart", "--page-size", "5", "--page-token", "5", "--json")
    assert first.stdout.splitlines()[-1] < second.stdout.splitlines()[0]


def test_all_pages_are_listed(run: Run) -> None:
    result = run("list", "--kind", "chart", "--page-size", "5", "--json", "--all")
    assert len(result.stdout.splitlines()) == 12
    assert result.stderr == ""


def test_nothing_is_told_apart_from_an_empty_table(run: Run) -> None:
    result = run("list", "--name-prefix", "nothing")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == "no dashboard is listed\n"


def test_the_total_is_told(run: Run) -> None:
    assert "in all" in run("list", "--total").stderr


@pytest.mark.parametrize(
    ("kind", "flag"),
    [("chart", "--project"), ("dashboard", "--dashboard"), ("user", "--service"), ("tag", "--order-by")],
)
def test_a_filter_that_the_kind_has_not_is_wrong_use(run: Run, kind: str, flag: str) -> None:
    result = run("list", "--kind", kind, flag, "x")
    assert result.exit_code == 2
    assert f"{flag} does not apply to a list of {kind}s" in result.stderr


def test_every_violation_is_told(run: Run) -> None:
    result = run("list", "--name-prefix", "refuse")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[:3] == [
        "Error: INVALID_ARGUMENT:",
        "  order_by: is no order",
        "  owner: is no owner",
    ]
