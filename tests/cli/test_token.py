"""`token issue`: the token alone, and one that the catalog accepts."""

from pathlib import Path

import pytest

from dashboard_catalog.auth.keys import load_or_create_key
from dashboard_catalog.auth.tokens import Authenticator
from tests.cli.conftest import Run


def test_the_token_alone_is_printed(run: Run) -> None:
    result = run("token", "issue", "--subject", "ann", "--role", "data_steward")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert result.stdout.count(".") == 2
    assert "token_issued" in result.stderr
    assert result.stdout.strip() not in result.stderr


async def test_the_token_says_what_was_asked_for(run: Run, tmp_path: Path) -> None:
    roles = ["--role", "ingestion_bot", "--role", "data_consumer"]
    more = ["--team", "a", "--team", "b", "--service", "superset", "--bot", "--expires", "2h"]
    token = run("token", "issue", "--subject", "bot-7", *roles, *more).stdout.strip()
    authenticator = Authenticator(load_or_create_key(tmp_path / "data"))
    principal = await authenticator.authenticate(f"Bearer {token}")
    assert principal.subject == "bot-7"
    assert principal.roles == {"ingestion_bot", "data_consumer"}
    assert principal.teams == {"a", "b"}
    assert principal.services == {"superset"}
    assert principal.bot


@pytest.mark.parametrize(
    "arguments",
    [
        ["--role", "admin"],
        ["--subject", "ann"],
        ["--subject", "ann", "--role", "admin", "--expires", "soon"],
        ["--subject", "", "--role", "admin"],
        ["--subject", "ann", "--role", "admin", "--data-dir", "/proc/nothing"],
    ],
)
def test_wrong_use_is_status_2_and_prints_no_token(run: Run, arguments: list[str]) -> None:
    result = run("token", "issue", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_the_address_that_clients_call_does_not_matter(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", "catalog.example.com:443")
    assert run("token", "issue", "--subject", "ann", "--role", "admin").exit_code == 0
