"""The command as a whole."""

import pytest

from tests.cli.conftest import Run


def test_without_a_command_the_commands_are_listed(run: Run) -> None:
    result = run()
    assert all(name in result.output for name in ("serve", "ingest", "get", "list", "token", "db"))


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout.strip().count(".") >= 1


@pytest.mark.parametrize("command", ["serve", "ingest", "get", "list", "token issue", "db upgrade", "db check"])
def test_every_option_of_every_command_has_help(run: Run, command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    lines = result.stdout.split("Options:\n")[1].splitlines()
    flags = [line for line in lines if line.startswith("  -")]
    # The help stands beside the flag, or below a long flag.
    assert all("  " in line.strip() or lines[lines.index(line) + 1].startswith("     ") for line in flags)


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["token", "nonsense"], ["list", "--kind", "x"]])
def test_wrong_usage_exits_with_status_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
