"""The command as a whole."""

import pytest

from tests.cli.conftest import Run


def test_without_a_command_the_commands_are_listed(run: Run) -> None:
    result = run()
    assert all(name in result.output for name in ("serve", "ingest", "get", "list", "token", "db"))


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout.strip().count(".") >= 1


@pytest.mark.parametrize(
    "command", ["serve", "health", "ingest", "get", "list", "token issue", "db upgrade", "db check"]
)
def test_every_option_of_every_command_has_help(run: Run, command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    lines = result.stdout.split("Options:\n")[1].splitlines()
    flags = [line for line in lines if line.startswith("  -")]
    # The help stands beside the flag, or below a long flag.
    assert all("  " in line.strip() or lines[lines.index(line) + 1].startswith("     ") for line in flags)


@pytest.mark.parametrize(
    "command", ["", "serve", "health", "ingest", "get", "list", "token", "token issue", "db", "db upgrade", "db check"]
)
def test_every_help_ends_with_an_example_and_fits_80_columns(run: Run, command: str) -> None:
    text = run(*command.split(), "--help").stdout
    assert f"\n  dashboard-catalog {command}".rstrip() in text.partition("\nExamples:")[2]
    # The values of an option are one word, which is not broken.
    assert [line for line in text.splitlines() if len(line) > 80 and "|" not in line] == []
    assert "default: (" not in text
    assert "[]" not in text


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["list", "dashboards"], "unexpected argument dashboards: did you mean --kind dashboard?"),
        (["list", "bi-services"], "did you mean --kind bi_service?"),
        (["list", "custom_properties"], "did you mean --kind custom_property?"),
        (["get", "chart", "superset.sales"], "did you mean --kind chart?"),
        (["get", "superset.Sales", "overview"], "unexpected argument overview; put a name with spaces in quotes"),
        (["ingest", "all", "dashboards.ndjson"], "cannot read all: No such file or directory"),
        (["lst"], "Did you mean 'list'?"),
        (["list", "--kind", "x"], "Invalid value for '--kind': 'x' is not one of"),
    ],
)
def test_wrong_usage_says_what_is_right(run: Run, arguments: list[str], meant: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert meant in result.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["token", "nonsense"], ["list", "--kind", "x"]])
def test_wrong_usage_exits_with_status_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
